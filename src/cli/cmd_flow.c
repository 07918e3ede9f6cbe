/* cmd_flow.c: flow lint, flow test, flow diff: work on a flow in a file, without a database.
 *
 * They exist for flows that are kept in version control: CI lints and tests a file before it is imported. A template
 * and an exported bot hold a flow under "flow" and are accepted too, so no one has to cut it out. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cli/cli.h"
#include "flow/flow.h"

#include "base/banned.h"

/* Four times the size of a flow, because an exported bot contains more than its flow. The path goes in front of every
 * message: flow diff reads two files. */
static enum status flow_read_json(struct cli *cl, const char *path, struct json **out, struct err *e)
{
    struct str text;
    enum status st = cli_read_file(cl, path, 4 * MAX_FLOW, &text, e);
    if (st == OK)
        st = json_parse(&cl->arena, text, MAX_JSON_DEPTH, out, e);
    if (st != OK)
        return err_wrap(e, "%s", path);
    if (json_is(json_get(*out, "flow"), JSON_OBJECT))
        *out = json_get(*out, "flow");
    return OK;
}

static enum status flow_read_file(struct cli *cl, const char *path, struct flow **out, struct err *e)
{
    struct json *doc = NULL;
    enum status st = flow_read_json(cl, path, &doc, e);
    if (st != OK)
        return st;
    st = flow_parse(doc, out, e);
    return st == OK ? OK : err_wrap(e, "%s", path);
}

/* An empty list is printed only as JSON; people read the line that follows. */
static enum status flow_print_findings(struct cli *cl, const struct flow_finding *f, size_t n, struct err *e)
{
    struct json *list = json_new_array(&cl->arena);
    if (!list)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        struct json *row;
        if (json_push_object(list, &row) ||
            json_set_str(row, "severity", f[i].severity == FLOW_ERROR ? STR("error") : STR("warning")) ||
            json_set_str(row, "code", str_from(f[i].code)) || json_set_str(row, "node", f[i].node) ||
            json_set_str(row, "pointer", f[i].pointer) || json_set_str(row, "message", f[i].message))
            return err_nomem(e);
    }
    if (n || cl->json)
        cli_out(cl, list);
    return OK;
}

/* Warnings do not fail the command, so that a script can hold a bot to "no errors". */
enum status cmd_flow_lint(struct cli *cl, struct err *e)
{
    struct flow *f = NULL;
    struct flow_finding *found = NULL;
    size_t n = 0, errors = 0;
    enum status st = cli_options(cl, NULL, 0, 1, 1, e);
    if (st == OK)
        st = flow_read_file(cl, cl->argv[0], &f, e);
    if (st == OK)
        st = flow_lint(f, &cl->arena, &found, &n, e);
    if (st == OK)
        st = flow_print_findings(cl, found, n, e);
    for (size_t i = 0; st == OK && i < n; i++)
        errors += found[i].severity == FLOW_ERROR;
    if (st == OK && errors)
        st = err_set(e, E_flow_lint, "%zu error%s, %zu warning%s.", errors, errors == 1 ? "" : "s", n - errors,
                     n - errors == 1 ? "" : "s");
    else if (st == OK && n)
        cli_say(cl, "No errors, %zu warning%s.", n, n == 1 ? "" : "s");
    else if (st == OK)
        cli_say(cl, "No findings.");
    flow_drop(f);
    return st;
}

static enum status flow_print_tests(struct cli *cl, const struct flow_test_result *t, size_t n, struct err *e)
{
    struct json *list = json_new_array(&cl->arena);
    if (!list)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        struct json *row;
        if (json_push_object(list, &row) || json_set_str(row, "result", t[i].passed ? STR("passed") : STR("failed")) ||
            json_set_str(row, "name", t[i].name) || json_set_str(row, "message", t[i].message))
            return err_nomem(e);
    }
    if (n || cl->json)
        cli_out(cl, list);
    return OK;
}

/* A failed test is an error, so that CI needs only the exit code. A flow without tests passes: not every flow has to
 * have some. */
enum status cmd_flow_test(struct cli *cl, struct err *e)
{
    struct flow *f = NULL;
    struct flow_test_result *t = NULL;
    size_t n = 0, failed = 0;
    enum status st = cli_options(cl, NULL, 0, 1, 1, e);
    if (st == OK)
        st = flow_read_file(cl, cl->argv[0], &f, e);
    if (st == OK)
        st = flow_test(f, &cl->arena, &t, &n, e);
    if (st == OK)
        st = flow_print_tests(cl, t, n, e);
    for (size_t i = 0; st == OK && i < n; i++)
        failed += !t[i].passed;
    if (st == OK)
        cli_say(cl, "%zu passed, %zu failed", n - failed, failed);
    if (st == OK && failed)
        st = err_set(e, E_flow_test, "%zu of %zu tests failed.", failed, n);
    flow_drop(f);
    return st;
}

/* Both values are in the JSON, and not only the sentence: a script may want to show its own difference. */
static int flow_set_change(struct json *list, const struct flow_change *c)
{
    static const char *const kinds[] = {[FLOW_ADDED] = "added", [FLOW_REMOVED] = "removed", [FLOW_CHANGED] = "changed"};
    struct json *row;
    return json_push_object(list, &row) || json_set_str(row, "kind", str_from(kinds[c->kind])) ||
           json_set_str(row, "node", c->node) || json_set_str(row, "pointer", c->pointer) ||
           json_set_str(row, "before", c->before) || json_set_str(row, "after", c->after);
}

/* The flows are compared as JSON and not as parsed flows, so an invalid draft can be compared as well. People read
 * sentences, scripts get kind, place and both values. */
static enum status flow_print_changes(struct cli *cl, const struct flow_change *c, size_t n, struct err *e)
{
    struct json *list = json_new_array(&cl->arena);
    for (size_t i = 0; list && i < n; i++) {
        if (flow_set_change(list, &c[i]) != 0)
            return err_nomem(e);
        cli_say(cl, "%.*s", STR_F(c[i].words));
    }
    if (!list)
        return err_nomem(e);
    if (cl->json)
        cli_out(cl, list);
    else if (n == 0)
        cli_say(cl, "No difference.");
    return OK;
}

enum status cmd_flow_diff(struct cli *cl, struct err *e)
{
    struct json *before = NULL, *after = NULL;
    struct flow_change *c = NULL;
    size_t n = 0;
    enum status st = cli_options(cl, NULL, 0, 2, 2, e);
    if (st == OK)
        st = flow_read_json(cl, cl->argv[0], &before, e);
    if (st == OK)
        st = flow_read_json(cl, cl->argv[1], &after, e);
    if (st == OK)
        st = flow_diff(before, after, &cl->arena, &c, &n, e);
    return st == OK ? flow_print_changes(cl, c, n, e) : st;
}
