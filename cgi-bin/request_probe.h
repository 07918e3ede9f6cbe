/* request_probe.h: the test of an engine's connection by a request, in the programs where engines are edited. */
#ifndef PARLEY_REQUEST_PROBE_H
#define PARLEY_REQUEST_PROBE_H

#include "engine/workspace/probe.h"
#include "web/server.h"

/* One test of a request, in its arena. */
struct request_probe {
    struct request *rq;
    struct db_pool *pool;
    /* The test is over: `st`, with `e` or `result`. The handler replies. It gets no connection. */
    void (*ended)(struct request_probe *p);
    void *ctx; /* the handler's own */
    enum status st;
    struct err e;
    struct engine_probe_result result;
    struct engine_probe *probe; /* private to request_probe.c */
    bool cancelled;
};
/* Reads the engine with the connection. The handler gives the connection back before it calls request_probe_wait. */
enum status request_probe_begin(struct request_probe *p, struct db *c, struct id engine, struct err *e);
/* After request_probe_begin returned OK: waits without a thread and calls `ended`, at once or later. The handler calls
 * this last. */
void request_probe_wait(struct request_probe *p);

#endif
