/* bare.c: the rows of a turn that opens a conversation, written by plain MariaDB clients: one transaction a turn, statement by
 * statement, as a program without a journal would. The yardstick of ./dev bench.
 *
 *   bare SOCKET USER PASSWORD DATABASE TENANT(hex) BOT(hex) CLIENTS SECONDS     prints {"turns", "seconds", "p99_ms"} */
#include <inttypes.h>
#include <mysql.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/banned.h"

enum { LATENCIES = 1 << 20 };
static char **arg;
static atomic_bool stop;
static atomic_int slots;
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

static void turn(MYSQL *m, const char *id)
{
    const char *tenant = arg[5], *bot = arg[6];
    char sql[2048];

    must(m, "START TRANSACTION");
    snprintf(sql, sizeof(sql),
             "INSERT INTO conversation (tenant_id, conversation_id, bot_id, version, channel, locale, state, counted, token_hash, seq, "
             "flow_state, contact, started_at, last_at) VALUES (x'%s', x'%s', x'%s', 1, 'api', 'en', 'open', 1, x'%s%s', 2, "
             "'{\"node\":\"ask\",\"vars\":{}}', '', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))",
             tenant, id, bot, id, id);
    must(m, sql);
    for (int seq = 1; seq <= 2; seq++) {
        snprintf(sql, sizeof(sql),
                 "INSERT INTO message (tenant_id, conversation_id, seq, sender, type, text, data, created_at) VALUES (x'%s', x'%s', %d, "
                 "'%s', 'text', 'Where is my data kept, and who can read it?', '', UTC_TIMESTAMP(3))",
                 tenant, id, seq, seq == 1 ? "visitor" : "bot");
        must(m, sql);
    }
    snprintf(sql, sizeof(sql),
             "INSERT INTO turn_key (tenant_id, turn_key, conversation_id, first_seq, last_seq, created_at) VALUES (x'%s', x'%s', x'%s', "
             "1, 2, UTC_TIMESTAMP(3))",
             tenant, id, id);
    must(m, sql);
    snprintf(sql, sizeof(sql),
             "INSERT INTO usage_ledger (tenant_id, conversation_id, period_start, counted_at) VALUES (x'%s', x'%s', '2000-01-01', "
             "UTC_TIMESTAMP(3))",
             tenant, id);
    must(m, sql);
    snprintf(sql, sizeof(sql), "UPDATE usage_counter SET used = used + 1 WHERE tenant_id = x'%s' AND period_start = '2000-01-01'", tenant);
    must(m, sql);
    must(m, "COMMIT");
}

static void *client(void *number)
{
    MYSQL *m = mysql_init(NULL);
    char id[33];

    if (!m || !mysql_real_connect(m, NULL, arg[2], arg[3], arg[4], 0, arg[1], 0)) {
        fprintf(stderr, "bare: %s\n", m ? mysql_error(m) : "no memory");
        exit(1);
    }
    for (uint64_t n = 0; !atomic_load(&stop); n++) {
        int64_t begun = now_us();
        snprintf(id, sizeof(id), "%016" PRIx64 "%08x%08x", (uint64_t)time(NULL) << 16, (unsigned)(size_t)number, (unsigned)n);
        turn(m, id);
        int slot = atomic_fetch_add(&slots, 1);
        if (slot < LATENCIES)
            latency_us[slot] = (int)(now_us() - begun);
    }
    mysql_close(m);
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
    snprintf(sql, sizeof(sql), "INSERT IGNORE INTO usage_counter (tenant_id, period_start, used) VALUES (x'%s', '2000-01-01', 0)", arg[5]);
    must(m, sql);
    mysql_close(m);
}

int main(int argc, char **argv)
{
    pthread_t threads[256];
    int clients = argc == 9 ? (int)strtol(argv[7], NULL, 10) : 0, seconds = argc == 9 ? (int)strtol(argv[8], NULL, 10) : 0;

    if (clients < 1 || clients > 256 || seconds < 1) {
        fputs("usage: bare SOCKET USER PASSWORD DATABASE TENANT BOT CLIENTS SECONDS\n", stderr);
        return 2;
    }
    arg = argv;
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
    printf("{\"turns\": %d, \"seconds\": %.3f, \"p99_ms\": %.2f}\n", n, took, kept ? latency_us[(size_t)kept * 99 / 100] / 1000.0 : 0.0);
    return 0;
}
