/*
 * job.c - the requests in flight: a fixed number of jobs, and the list of those that have been answered.
 */
#include "send/send-int.h"

#include "base/mem.h"

#include <stdlib.h>
#include <unistd.h>

#define BODY_KEPT ((size_t)256 * 1024) /* the memory of a longer body is freed after use */

void job_pool_init(struct job_pool *pool, struct send_queue *queue, int64_t count)
{
	*pool = (struct job_pool){ .jobs = xcalloc((size_t)count, sizeof(*pool->jobs)), .count = count };
	for (int64_t i = 0; i < count; i++) {
		struct send_job *job = &pool->jobs[i];

		job->queue = queue;
		job->fd = -1;
		buf_init(&job->path, BUF_NO_MAX);
		buf_init(&job->body, BUF_NO_MAX);
		job->next = pool->free;
		pool->free = job;
	}
}

void job_pool_release(struct job_pool *pool)
{
	for (int64_t i = 0; i < pool->count; i++) {
		if (pool->jobs[i].fd >= 0)
			close(pool->jobs[i].fd);
		buf_release(&pool->jobs[i].path);
		buf_release(&pool->jobs[i].body);
	}
	free(pool->jobs);
	*pool = (struct job_pool){ 0 };
}

struct send_job *job_get(struct job_pool *pool)
{
	struct send_job *job = pool->free;

	if (job)
		pool->free = job->next;
	return job;
}

void job_put(struct job_pool *pool, struct send_job *job)
{
	buf_clear(&job->path);
	if (job->body.cap > BODY_KEPT)
		buf_release(&job->body);
	buf_clear(&job->body);
	job->delivery = NULL;
	job->upload = NULL;
	job->next = pool->free;
	pool->free = job;
}

void job_answered(struct send_job *job)
{
	struct job_pool *pool = &job->queue->jobs;

	job->next = NULL;
	*(pool->answered_last ? &pool->answered_last->next : &pool->answered_first) = job;
	pool->answered_last = job;
}

struct send_job *job_pop_answered(struct job_pool *pool)
{
	struct send_job *job = pool->answered_first;

	if (!job)
		return NULL;
	pool->answered_first = job->next;
	if (!pool->answered_first)
		pool->answered_last = NULL;
	return job;
}
