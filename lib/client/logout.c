#include "client/client-int.h"

#include "base/log.h"

enum status client_logout(struct client *client, struct err *err)
{
	struct err why = ERR_INIT;
	enum status st;

	/* never log in in order to log out */
	client->config.password = client->config.client_secret = NULL;
	if (client->session_matches && client->session.channel_resource && channel_delete(client, true, &why))
		log_warn("cannot delete the notification channel: %s", why.text);
	if ((st = store_remove(client->store, err)))
		return st;
	return client_reload(client, err);
}
