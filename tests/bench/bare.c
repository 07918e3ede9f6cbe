/* bare.c: the rows of a turn that opens a conversation, written by plain MariaDB clients. The yardstick of ./dev
 * bench.
 *
 * With BATCH 1 one transaction a turn, statement by statement, as a program without a journal would; with more, that
 * many turns in one transaction of multi-row statements.
 *
 *   bare SOCKET USER PASSWORD DATABASE TENANT(hex) BOT(hex) CLIENTS SECONDS BATCH
 *
 * prints {"turns", "seconds", "p50_ms", "p99_ms"} */
#include <inttypes.h>
#include <mysql.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/banned.h"

#define LATENCIES (1 << 20)
#define MAX_SQL (128 * 1024)
static char **arg;
static atomic_bool stop;
static atomic_int slots, done;
static uint64_t begun_s; /* makes the ids of this run its own */
static int latency_us[LATENCIES];

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void must(MYSQL *m, const char *sql)
{
    if (mysql_query(m, sql) != 0) {
        fprintf(stderr, "bare: %s\n", mysql_error(m));
        exit(1);
    }
}

/* A client's own: how many turns it has begun, and the statement it is putting together. */
struct client {
    MYSQL *m;
    int number;
    uint64_t turn;
    char sql[MAX_SQL];
    size_t n;
};

static void put(struct client *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(struct client *k, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(k->sql + k->n, sizeof(k->sql) - k->n, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(k->sql) - k->n) {
        fputs("bare: a statement is too long\n", stderr);
        exit(1);
    }
    k->n += (size_t)n;
}

static void run(struct client *k)
{
    must(k->m, k->sql);
    k->n = 0;
}

static const char *id_of(const struct client *k, uint64_t turn, char id[33])
{
    snprintf(id, 33, "%016" PRIx64 "%08x%08x", begun_s << 16, (unsigned)k->number, (unsigned)turn);
    return id;
}

/* One statement with a row (or two) for each of the batch's turns. */
static void rows(struct client *k, int batch, const char *head, void (*row)(struct client *k, const char *id))
{
    char id[33];
    put(k, "%s", head);
    for (int i = 0; i < batch; i++) {
        put(k, "%s", i ? "," : "");
        row(k, id_of(k, k->turn + (uint64_t)i, id));
    }
    run(k);
}

static void conversation_row(struct client *k, const char *id)
{
    put(k,
        "(x'%s', x'%s', x'%s', 1, 'api', 'en', 'open', 1, x'%s%s', 2, '{\"node\":\"ask\",\"vars\":{}}', '', "
        "UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))",
        arg[5], id, arg[6], id, id);
}

static void key_row(struct client *k, const char *id)
{
    put(k, "(x'%s', x'%s', x'%s', 1, 2, UTC_TIMESTAMP(3))", arg[5], id, id);
}

static void message_rows(struct client *k, const char *id)
{
    put(k,
        "(x'%s', x'%s', 1, 'visitor', 'text', 'Where is my data kept, and who can read it?', '', UTC_TIMESTAMP(3)),"
        "(x'%s', x'%s', 2, 'bot', 'text', 'In the database of this install; only members of the workspace can read "
        "it.', '', UTC_TIMESTAMP(3))",
        arg[5], id, arg[5], id);
}

static void ledger_row(struct client *k, const char *id)
{
    put(k, "(x'%s', x'%s', '2000-01-01', UTC_TIMESTAMP(3))", arg[5], id);
}

static void event_row(struct client *k, const char *id)
{
    put(k, "(x'%s', x'%s', x'%s', x'%s', 1, 1, 'api', 'open', 1, 1, 0, 0)", arg[5], id, arg[6], id);
}

static void turns(struct client *k, int batch)
{
    must(k->m, "START TRANSACTION");
    rows(k, batch,
         "INSERT INTO conversation (tenant_id, conversation_id, bot_id, version, channel, locale, state, counted, "
         "token_hash, seq, "
         "flow_state, contact, started_at, last_at) VALUES ",
         conversation_row);
    rows(k, batch,
         "INSERT INTO turn_key (tenant_id, turn_key, conversation_id, first_seq, last_seq, created_at) VALUES ",
         key_row);
    rows(k, batch,
         "INSERT INTO message (tenant_id, conversation_id, seq, sender, type, text, data, created_at) VALUES ",
         message_rows);
    rows(k, batch,
         "INSERT INTO turn_event (tenant_id, event_id, bot_id, conversation_id, seq, replies, channel, state, opened, "
         "counted, took_ms, outside_ms) VALUES ",
         event_row);
    rows(k, batch, "INSERT INTO usage_ledger (tenant_id, conversation_id, period_start, counted_at) VALUES ",
         ledger_row);
    put(k, "UPDATE usage_counter SET used = used + %d WHERE tenant_id = x'%s' AND period_start = '2000-01-01'", batch,
        arg[5]);
    run(k);
    must(k->m, "COMMIT");
    k->turn += (uint64_t)batch;
}

static void *client(void *number)
{
    struct client *k = calloc(1, sizeof(*k));
    int batch = (int)strtol(arg[9], NULL, 10);
    if (!k || !(k->m = mysql_init(NULL)) || !mysql_real_connect(k->m, NULL, arg[2], arg[3], arg[4], 0, arg[1], 0)) {
        fprintf(stderr, "bare: %s\n", k && k->m ? mysql_error(k->m) : "no memory");
        exit(1);
    }
    k->number = (int)(intptr_t)number;
    while (!atomic_load(&stop)) {
        int64_t begun = now_us();

        turns(k, batch);
        atomic_fetch_add(&done, batch);
        int slot = atomic_fetch_add(&slots, 1);
        if (slot < LATENCIES)
            latency_us[slot] = (int)(now_us() - begun);
    }
    mysql_close(k->m);
    free(k);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static void begin_counter(void)
{
    MYSQL *m = mysql_init(NULL);
    char sql[256];
    if (!m || !mysql_real_connect(m, NULL, arg[2], arg[3], arg[4], 0, arg[1], 0))
        exit(1);
    snprintf(sql, sizeof(sql),
             "INSERT IGNORE INTO usage_counter (tenant_id, period_start, used) VALUES (x'%s', '2000-01-01', 0)",
             arg[5]);
    must(m, sql);
    mysql_close(m);
}

int main(int argc, char **argv)
{
    pthread_t threads[256];
    int clients = argc == 10 ? (int)strtol(argv[7], NULL, 10) : 0,
        seconds = argc == 10 ? (int)strtol(argv[8], NULL, 10) : 0;
    if (clients < 1 || clients > 256 || seconds < 1) {
        fputs("usage: bare SOCKET USER PASSWORD DATABASE TENANT BOT CLIENTS SECONDS BATCH\n", stderr);
        return 2;
    }
    arg = argv;
    begun_s = (uint64_t)time(NULL);
    mysql_library_init(0, NULL, NULL);
    begin_counter();
    int64_t begun = now_us();
    for (size_t i = 0; i < (size_t)clients; i++)
        if (pthread_create(&threads[i], NULL, client, (void *)i) != 0)
            return 1;
    struct timespec pause = {.tv_sec = seconds};
    nanosleep(&pause, NULL);
    atomic_store(&stop, true);
    for (int i = 0; i < clients; i++)
        pthread_join(threads[i], NULL);
    double took = (double)(now_us() - begun) / 1e6;
    int n = atomic_load(&slots), kept = n < LATENCIES ? n : LATENCIES;
    qsort(latency_us, (size_t)kept, sizeof(*latency_us), by_value);
    printf("{\"turns\": %d, \"seconds\": %.3f, \"p50_ms\": %.2f, \"p99_ms\": %.2f}\n", atomic_load(&done), took,
           kept ? latency_us[kept / 2] / 1000.0 : 0.0, kept ? latency_us[(size_t)kept * 99 / 100] / 1000.0 : 0.0);
    return 0;
}
