/* The journal where the reply to its COMMIT is lost, against a real MariaDB behind a proxy that cuts the connection.
 * Whatever happened to the transaction, a turn is recorded once, and a client that sends no message ids is told that
 * it is. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/shared.h"
#include "bot/bot.h"
#include "dbtest.h"
#include "lib/test.h"
#include "lib/turn.h"
#include "okay.h"
#include "talk/journal_store.h"
#include "talk/talk.h"

#include "base/banned.h"

#define DB "parley_journal"

static const struct config *config, *through_proxy;
static struct db_pool *pool;
static struct db *c;
static struct talk *talk;
static struct arena arena;
static struct id bot, tenant;

/* ---- the proxy ---- */

enum cut {
    CUT_NOTHING,
    CUT_BEFORE, /* the COMMIT never arrives: the server rolls back */
    CUT_AFTER,  /* it is done, its reply is lost */
    CUT_LATE,   /* the client is cut off immediately, the COMMIT arrives a little later */
    HELD        /* nothing is cut off; the COMMIT takes half a second */
};
static _Atomic(enum cut) cuts[4]; /* of the COMMITs to come, in order */
static atomic_int commits;
static atomic_int begins_left = INT_MAX; /* transactions that may still begin; at the next one the server goes away */
static atomic_bool away;                 /* connections are closed as soon as they open */
static int listener;

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static int connect_server(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof(to.sun_path), "%s", getenv("PARLEY_TEST_SOCKET"));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        abort();
    return fd;
}

/* A packet of the protocol: three bytes of length, a number, then 3 for a statement as text. */
static bool is_statement(const char *p, ssize_t n, const char *sql)
{
    return n == 4 + 1 + (ssize_t)strlen(sql) && p[4] == 3 && memcmp(p + 5, sql, strlen(sql)) == 0;
}

static bool goes_away(const char *p, ssize_t n)
{
    if (is_statement(p, n, "START TRANSACTION") && atomic_fetch_sub(&begins_left, 1) <= 0)
        atomic_store(&away, true);
    return atomic_load(&away);
}

static void cut_off(enum cut how, int client, int server, const char *p, ssize_t n)
{
    char reply[64];
    if (how == CUT_LATE) {
        shutdown(client, SHUT_RDWR);
        pause_ms(300);
    }
    if (how != CUT_BEFORE && (write(server, p, (size_t)n) != n || read(server, reply, sizeof(reply)) <= 0))
        abort();
}

/* False when this connection is over. */
static bool pass(int from, int to, int client)
{
    static _Thread_local char p[65536];
    ssize_t n = read(from, p, sizeof(p));
    if (n <= 0 || (from == client && goes_away(p, n)))
        return false;
    if (from == client && is_statement(p, n, "COMMIT")) {
        int k = atomic_fetch_add(&commits, 1);
        enum cut how = k < (int)COUNT_OF(cuts) ? atomic_load(&cuts[k]) : CUT_NOTHING;
        if (how == HELD) {
            pause_ms(500);
        } else if (how != CUT_NOTHING) {
            cut_off(how, client, to, p, n);
            return false;
        }
    }
    for (ssize_t at = 0, k; at < n; at += k)
        if ((k = write(to, p + at, (size_t)(n - at))) <= 0)
            return false;
    return true;
}

static void *serve_one(void *arg)
{
    int client = (int)(intptr_t)arg, server = connect_server();
    bool open = true;
    while (open) {
        struct pollfd f[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
        if (poll(f, 2, -1) < 0 && errno != EINTR)
            break;
        if (f[0].revents)
            open = pass(client, server, client);
        if (open && f[1].revents)
            open = pass(server, client, client);
    }
    close(client);
    close(server);
    return NULL;
}

static void *serve(void *arg)
{
    int fd;
    (void)arg;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        pthread_t t;
        if (atomic_load(&away)) {
            close(fd);
            continue;
        }
        if (pthread_create(&t, NULL, serve_one, (void *)(intptr_t)fd) != 0)
            abort();
        pthread_detach(t);
    }
    return NULL;
}

static void start_proxy(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    pthread_t t;
    if (strlen(path) >= sizeof(at.sun_path))
        abort();
    memcpy(at.sun_path, path, strlen(path) + 1);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(listener, 16) != 0 ||
        pthread_create(&t, NULL, serve, NULL) != 0)
        abort();
    pthread_detach(t);
}

/* ---- turns ---- */

static enum status say(const char *text, const char *client_id, const struct talk_out *before, struct talk_out *out,
                       struct err *e)
{
    struct talk_in in = {.bot = bot,
                         .text = str_from(text),
                         .choice = STR_EMPTY,
                         .client_id = str_from(client_id),
                         .locale = STR_EMPTY,
                         .token = STR_EMPTY,
                         .visitor = STR("192.0.2.1"),
                         .channel = CHANNEL_api};
    if (before) {
        in.conversation = before->conversation;
        in.token = str_from(before->token);
    }
    return talk_turn(talk, &in, NULL, &arena, out, e);
}

static void cut_commits(enum cut first, enum cut second)
{
    atomic_store(&cuts[0], first);
    atomic_store(&cuts[1], second);
    atomic_store(&commits, 0);
}

static int64_t recorded(const char *text)
{
    return dbtest_intf(DB, "SELECT COUNT(*) FROM message WHERE text = '%s' AND sender = 'visitor'", text);
}

static void everything_adds_up(void)
{
    assert_int_equal(dbtest_int(DB,
                                "SELECT COUNT(*) FROM conversation c WHERE seq <> (SELECT MAX(m.seq) FROM message m "
                                "WHERE m.tenant_id = c.tenant_id AND m.conversation_id = c.conversation_id)"),
                     0);
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM turn_event"),
                     dbtest_int(DB, "SELECT COUNT(*) FROM message WHERE sender = 'visitor'"));
    assert_int_equal(dbtest_int(DB, "SELECT SUM(used) FROM usage_counter"),
                     dbtest_int(DB, "SELECT COUNT(*) FROM conversation WHERE counted = 1"));
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM usage_ledger"),
                     dbtest_int(DB, "SELECT COUNT(*) FROM conversation WHERE counted = 1"));
}

static const struct {
    const char *name;
    enum cut first, second;
} ways[] = {
    {"done and not told", CUT_AFTER, CUT_NOTHING},      {"not done", CUT_BEFORE, CUT_NOTHING},
    {"done a little later", CUT_LATE, CUT_NOTHING},     {"not done, then done and not told", CUT_BEFORE, CUT_AFTER},
    {"done a little later, twice", CUT_LATE, CUT_LATE},
};

static void a_first_message_is_recorded_once(const char *client_id)
{
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        char text[100], id[40] = "";
        struct talk_out out;
        struct err e = ERR_INIT;
        snprintf(text, sizeof(text), "first %s %s", client_id, ways[i].name);
        if (*client_id)
            snprintf(id, sizeof(id), "%s %zu", client_id, i);
        cut_commits(ways[i].first, ways[i].second);
        if (say(text, id, NULL, &out, &e) != OK)
            fail_msg("%s: %s", text, e.message);
        assert_true(atomic_load(&commits) > 0);
        if (recorded(text) != 1)
            fail_msg("\"%s\" is there %lld times", text, (long long)recorded(text));
        everything_adds_up();
    }
}

static void a_next_message_is_recorded_once(const char *client_id)
{
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        char text[100], id[40] = "";
        struct talk_out first, out;
        struct err e = ERR_INIT;
        cut_commits(CUT_NOTHING, CUT_NOTHING);
        OKAY(say("hello", "", NULL, &first, &fail));
        snprintf(text, sizeof(text), "next %s %s", client_id, ways[i].name);
        if (*client_id)
            snprintf(id, sizeof(id), "%s next %zu", client_id, i);
        cut_commits(ways[i].first, ways[i].second);
        if (say(text, id, &first, &out, &e) != OK)
            fail_msg("%s: %s", text, e.message);
        assert_int_equal(out.seq, first.seq + (int64_t)first.n + 1);
        if (recorded(text) != 1)
            fail_msg("\"%s\" is there %lld times", text, (long long)recorded(text));
        everything_adds_up();
    }
}

static void without_a_client_id(void **state)
{
    (void)state;
    a_first_message_is_recorded_once("");
    a_next_message_is_recorded_once("");
}

static void a_repeated_message_gets_the_first_answer(void **state)
{
    struct talk_out first, again;
    (void)state;
    cut_commits(CUT_NOTHING, CUT_NOTHING);
    OKAY(say("twice", "the id of a repeated message", NULL, &first, &fail));
    OKAY(say("twice", "the id of a repeated message", NULL, &again, &fail));
    assert_true(id_eq(again.conversation, first.conversation));
    assert_int_equal(recorded("twice"), 1);
}

static void with_a_client_id(void **state)
{
    (void)state;
    a_first_message_is_recorded_once("a long client id");
    a_next_message_is_recorded_once("a long client id");
}

/* Two lost commits that were not executed: no client may be told that its turn is recorded. */
static void an_unfinished_turn_is_refused(void **state)
{
    struct talk_out out;
    struct err e = ERR_INIT;
    (void)state;
    cut_commits(CUT_BEFORE, CUT_BEFORE);
    assert_int_equal(say("never", "", NULL, &out, &e), ERR_UNAVAILABLE);
    assert_int_equal(e.code, E_commit_unknown);
    assert_int_equal(recorded("never"), 0);
    cut_commits(CUT_NOTHING, CUT_NOTHING);
    OKAY(say("never", "", NULL, &out, &fail));
    everything_adds_up();
}

/* The commit was lost and not executed, and the turn cannot be written again: it must not pass for recorded. */
static void a_database_that_goes_away_after_a_lost_commit_refuses_the_turn(void **state)
{
    struct talk_out out;
    struct err e = ERR_INIT;
    (void)state;
    cut_commits(CUT_BEFORE, CUT_NOTHING);
    atomic_store(&begins_left, 1);
    assert_int_equal(say("away", "", NULL, &out, &e), ERR_UNAVAILABLE);
    assert_true(atomic_load(&away));
    assert_int_equal(e.code, E_database_unavailable);
    assert_int_equal(recorded("away"), 0);
    atomic_store(&begins_left, INT_MAX);
    atomic_store(&away, false);
    cut_commits(CUT_NOTHING, CUT_NOTHING);
    OKAY(say("away", "", NULL, &out, &fail));
    assert_int_equal(recorded("away"), 1);
    everything_adds_up();
}

/* ---- a conversation that changed in between ---- */

/* As when another process moved it on and retention has deleted the messages since: only the number shows it. Both
 * tries borrow the version that the conversation began with. */
static void a_conversation_that_moved_on_is_read_again(void **state)
{
    struct talk_out first, out;
    (void)state;
    OKAY(say("hello", "", NULL, &first, &fail));
    dbtest_sqlf(DB,
                "INSERT INTO bot_version SELECT tenant_id, bot_id, 2, flow, flow_hash, note, created_by, created_at "
                "FROM bot_version");
    dbtest_sqlf(DB, "UPDATE bot SET live_version = 2");
    shared_bump("bot", bot);
    dbtest_sqlf(DB, "UPDATE conversation SET seq = seq + 5 WHERE conversation_id = 0x%s",
                dbtest_hex(first.conversation));
    OKAY(say("after five others", "", &first, &out, &fail));
    assert_int_equal(out.seq, first.seq + (int64_t)first.n + 6);
    assert_int_equal(dbtest_intf(DB, "SELECT version FROM conversation WHERE conversation_id = 0x%s",
                                 dbtest_hex(first.conversation)),
                     1);
    everything_adds_up();
}

static void a_deleted_conversation_is_refused_and_forgotten(void **state)
{
    static const char *const client_ids[] = {"", "the id of a late message"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(client_ids); i++) {
        struct talk_out first, out;
        struct err e = ERR_INIT, again = ERR_INIT;
        OKAY(say("hello", "", NULL, &first, &fail));
        const char *gone = dbtest_hex(first.conversation);
        dbtest_sqlf(DB, "UPDATE usage_counter SET used = used - 1");
        dbtest_sqlf(DB, "DELETE FROM usage_ledger WHERE conversation_id = 0x%s", gone);
        dbtest_sqlf(DB, "DELETE FROM turn_event WHERE conversation_id = 0x%s", gone);
        dbtest_sqlf(DB, "DELETE FROM message WHERE conversation_id = 0x%s", gone);
        dbtest_sqlf(DB, "DELETE FROM conversation WHERE conversation_id = 0x%s", gone);
        assert_int_equal(say("too late", client_ids[i], &first, &out, &e), ERR_CONFLICT);
        assert_int_equal(e.code, E_reference);
        assert_int_equal(say("too late", client_ids[i], &first, &out, &again), ERR_NOT_FOUND);
        assert_int_equal(again.code, E_conversation_unknown);
        assert_int_equal(recorded("too late"), 0);
    }
    everything_adds_up();
}

static void a_pause_longer_than_the_gap_opens_another_conversation(void **state)
{
    struct talk_out first, same, other;
    int64_t gap = config_int(config, CONFIG_conversation_gap), begun = clock_now_ms();
    (void)state;
    clock_set_for_test(begun);
    OKAY(say("hello", "", NULL, &first, &fail));
    clock_set_for_test(begun + gap);
    OKAY(say("after the whole gap", "", &first, &same, &fail));
    assert_true(id_eq(same.conversation, first.conversation));
    clock_set_for_test(begun + gap + gap + 1);
    OKAY(say("later than that", "", &first, &other, &fail));
    assert_false(id_eq(other.conversation, first.conversation));
    clock_set_for_test(0);
    everything_adds_up();
}

/* ---- the trace of a turn ---- */

static enum journal_trace trace_of(const struct journal_turn *t)
{
    enum journal_trace out = JOURNAL_ABSENT;
    OKAY(journal_store_trace(c, t, &arena, &out, &fail));
    return out;
}

/* A recorded turn whose key and time are known: sixteen times 7, and TRACED_MS. */
#define TRACED_AT "2026-11-28 12:00:00.123"
#define TRACED_MS 1795867200123

static struct journal_turn traced_turn(struct journal_message *m, struct talk_out *out)
{
    OKAY(say("traced", "the id of a traced message", NULL, out, &fail));
    const char *conversation = dbtest_hex(out->conversation);
    dbtest_sqlf(DB, "UPDATE message SET created_at = '" TRACED_AT "' WHERE conversation_id = 0x%s", conversation);
    dbtest_sqlf(DB, "DELETE FROM turn_key WHERE turn_key = REPEAT(CHAR(7), 16)");
    dbtest_sqlf(DB, "UPDATE turn_key SET turn_key = REPEAT(CHAR(7), 16) WHERE conversation_id = 0x%s", conversation);
    *m = (struct journal_message){
        .seq = out->seq, .from = SENDER_VISITOR, .text = STR("traced"), .created_ms = TRACED_MS};
    struct journal_turn t = {.tenant = tenant, .conversation = out->conversation, .messages = m, .n = 1};
    t.base_seq = out->seq - 1;
    memset(t.turn_key, 7, sizeof(t.turn_key));
    return t;
}

static void a_turn_is_known_by_its_place_sender_text_and_time(void **state)
{
    struct talk_out out;
    struct journal_message m;
    struct journal_turn t = traced_turn(&m, &out);
    const struct journal_message own = m;
    (void)state;
    assert_int_equal(trace_of(&t), JOURNAL_MINE);
    m.from = SENDER_AGENT;
    assert_int_equal(trace_of(&t), JOURNAL_SEQ_TAKEN);
    m = own, m.text = STR("another text");
    assert_int_equal(trace_of(&t), JOURNAL_SEQ_TAKEN);
    m = own, m.created_ms++;
    assert_int_equal(trace_of(&t), JOURNAL_SEQ_TAKEN);
    m = own, t.base_seq = out.seq + (int64_t)out.n; /* the next one */
    assert_int_equal(trace_of(&t), JOURNAL_ABSENT);
    t.base_seq++; /* no message there, but the conversation is not as it was read */
    assert_int_equal(trace_of(&t), JOURNAL_SEQ_TAKEN);
    t.conversation = id_new();
    assert_int_equal(trace_of(&t), JOURNAL_SEQ_TAKEN);
    t.opens = true;
    assert_int_equal(trace_of(&t), JOURNAL_ABSENT);
}

static void a_key_alone_shows_only_the_turn_that_opened_its_conversation(void **state)
{
    struct talk_out out;
    struct journal_message m;
    struct journal_turn t = traced_turn(&m, &out), other;
    (void)state;
    t.has_key = true;
    assert_int_equal(trace_of(&t), JOURNAL_MINE);
    other = t, other.base_seq = out.seq + (int64_t)out.n; /* repeated by the client: the key, but not the place */
    assert_int_equal(trace_of(&other), JOURNAL_KEY_TAKEN);
    other.turn_key[15]++;
    assert_int_equal(trace_of(&other), JOURNAL_ABSENT);
    other = t, other.opens = true, m.text = STR("another text");
    assert_int_equal(trace_of(&other), JOURNAL_MINE);
    other.conversation = id_new();
    assert_int_equal(trace_of(&other), JOURNAL_KEY_TAKEN);
}

/* ---- concurrency ---- */

struct visitor {
    pthread_t thread;
    char text[40];
    enum status status;
};

static void *visit(void *arg)
{
    struct visitor *v = arg;
    struct arena mine;
    struct talk_out out;
    struct err e = ERR_INIT;
    struct talk_in in = {.bot = bot,
                         .text = str_from(v->text),
                         .choice = STR_EMPTY,
                         .client_id = STR_EMPTY,
                         .locale = STR_EMPTY,
                         .token = STR_EMPTY,
                         .visitor = STR("192.0.2.1"),
                         .channel = CHANNEL_web};
    if (db_thread_begin(&e) != OK)
        abort();
    arena_init(&mine, 16 * MB);
    v->status = talk_turn(talk, &in, NULL, &mine, &out, &e);
    arena_release(&mine);
    db_thread_end();
    return NULL;
}

static void a_batch_is_recorded_once(void **state)
{
    static struct visitor v[12];
    (void)state;
    for (size_t way = 0; way < COUNT_OF(ways); way++) {
        cut_commits(ways[way].first, ways[way].second);
        for (size_t i = 0; i < COUNT_OF(v); i++) {
            snprintf(v[i].text, sizeof(v[i].text), "visitor %zu of way %zu", i, way);
            assert_int_equal(pthread_create(&v[i].thread, NULL, visit, &v[i]), 0);
        }
        for (size_t i = 0; i < COUNT_OF(v); i++) {
            pthread_join(v[i].thread, NULL);
            assert_int_equal(v[i].status, OK);
            assert_int_equal(recorded(v[i].text), 1);
        }
        everything_adds_up();
    }
}

static void no_wake(void *ctx, uint64_t generation)
{
    (void)ctx;
    (void)generation;
}

/* Its step returns at once: a turn that waits holds no thread. */
static void a_turn_waits_for_the_commit_of_others_without_a_thread(void **state)
{
    struct visitor first = {.text = "whose commit takes long"};
    const struct talk_in in = {.bot = bot,
                               .text = STR("queued meanwhile"),
                               .choice = STR_EMPTY,
                               .client_id = STR_EMPTY,
                               .locale = STR_EMPTY,
                               .token = STR_EMPTY,
                               .visitor = STR("192.0.2.1"),
                               .channel = CHANNEL_api};
    const struct waker w = {.wake = no_wake};
    struct talk_out out;
    struct turn *u;
    (void)state;
    cut_commits(HELD, CUT_NOTHING);
    assert_int_equal(pthread_create(&first.thread, NULL, visit, &first), 0);
    while (atomic_load(&commits) == 0)
        pause_ms(5);
    OKAY(talk_begin(talk, &in, NULL, &arena, &w, &u, &fail));
    assert_false(talk_step(u));
    assert_int_equal(recorded("queued meanwhile"), 0);
    while (!talk_step(u))
        pause_ms(5);
    OKAY(talk_end(u, &out, &fail));
    assert_int_equal(pthread_join(first.thread, NULL), 0);
    assert_int_equal(recorded("queued meanwhile"), 1);
    everything_adds_up();
}

/* ---- the draft ---- */

/* Also no reference to the draft's flow: with the address sanitizer, one that stays fails this program at its end. */
static void a_trial_leaves_nothing_behind(void **state)
{
    struct talk_trial trial = {
        .tenant = tenant, .bot = bot, .text = STR("hello"), .choice = STR_EMPTY, .locale = STR("en")};
    struct talk_out out;
    struct json *next = NULL;
    struct err e = ERR_INIT;
    int64_t turns = dbtest_int(DB, "SELECT COUNT(*) FROM turn_event");
    (void)state;
    OKAY(talk_test(talk, &trial, &arena, &out, &next, &fail));
    assert_true(out.n > 0 && next);
    assert_int_equal(out.state, TALK_OPEN);
    trial.state = next;
    OKAY(talk_test(talk, &trial, &arena, &out, &next, &fail));
    assert_true(out.n > 0);
    trial.text = STR("\xff");
    assert_int_equal(talk_test(talk, &trial, &arena, &out, &next, &e), ERR_INVALID);
    assert_int_equal(out.n, 0);
    trial.bot = id_new();
    trial.text = STR("hello");
    assert_int_equal(talk_test(talk, &trial, &arena, &out, &next, NULL), ERR_NOT_FOUND);
    assert_int_equal(dbtest_int(DB, "SELECT COUNT(*) FROM turn_event"), turns);
    everything_adds_up();
}

static enum status open_all(struct err *e)
{
    char proxy[200], conf[200], map[200];
    struct actor who = {.cli = true, .role = ROLE_OWNER};
    struct bot b;
    int version;
    const char *own = dbtest_config_file(DB, "flow_template_dir = " TEST_SRCDIR "/flow-templates\n");
    snprintf(proxy, sizeof(proxy), "%s/proxy.sock", dbtest_dir());
    snprintf(conf, sizeof(conf), "%s/proxy.conf", dbtest_dir());
    snprintf(map, sizeof(map), "%s/journal.map", dbtest_dir());
    FILE *f = fopen(conf, "w");
    if (!f || fprintf(f, "include %s\ndatabase_socket = %s\njournal_writers = 1\n", own, proxy) < 0 || fclose(f) != 0)
        abort();
    start_proxy(proxy);
    enum status st = config_load(own, &config, e);
    if (st == OK)
        st = config_load(conf, &through_proxy, e);
    if (st == OK)
        st = shared_open(map, e);
    if (st != OK)
        return st;
    shared_limits_enable(false);
    config_set_current(config_retain(config));
    dbtest_migrate(config);
    pool = dbtest_pool(config, 16);
    c = dbtest_get(pool);
    arena_init(&arena, 256 * MB);
    st = account_tenant_create(c, STR("W"), STR("enterprise"), &who.tenant, e);
    if (st == OK)
        st = bot_create(c, config, &who, &(struct bot_wanted){STR("faq"), STR("My bot"), STR_EMPTY}, &arena, &b, e);
    if (st == OK)
        st = bot_publish(c, &who, &(struct bot_publishing){.bot = b.id}, &arena, &version, e);
    bot = b.id;
    tenant = who.tenant;
    return st == OK ? talk_open(through_proxy, pool, &talk, e) : st;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {TEST(without_a_client_id),
                                       TEST(with_a_client_id),
                                       TEST(a_repeated_message_gets_the_first_answer),
                                       TEST(an_unfinished_turn_is_refused),
                                       TEST(a_database_that_goes_away_after_a_lost_commit_refuses_the_turn),
                                       TEST(a_conversation_that_moved_on_is_read_again),
                                       TEST(a_deleted_conversation_is_refused_and_forgotten),
                                       TEST(a_pause_longer_than_the_gap_opens_another_conversation),
                                       TEST(a_turn_is_known_by_its_place_sender_text_and_time),
                                       TEST(a_key_alone_shows_only_the_turn_that_opened_its_conversation),
                                       TEST(a_batch_is_recorded_once),
                                       TEST(a_turn_waits_for_the_commit_of_others_without_a_thread),
                                       TEST(a_trial_leaves_nothing_behind)};
    struct err e = ERR_INIT;
    dbtest_begin(argc, argv);
    if (open_all(&e) != OK) {
        fprintf(stderr, "%s\n", e.message);
        return 1;
    }
    int failed = RUN(tests);
    talk_close(talk);
    bot_live_forget();
    config_set_current(NULL);
    dbtest_close(config, pool, c, &arena);
    config_drop(through_proxy);
    config = through_proxy = NULL; /* a reference that a turn has kept is a leak for the sanitizer now */
    shared_close();
    db_library_end();
    return failed;
}
