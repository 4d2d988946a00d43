/* The tests of json.c on the code for machines without SSE2; it takes the place of what the library has. */
#undef __SSE2__
#include "json/parse.c"
#include "json/value.c"
#include "json/write.c"
#include "tests/unit/json.c"
