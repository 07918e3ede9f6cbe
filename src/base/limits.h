/* limits.h: the maxima that users and integrators meet, or that several modules share. Bytes, unless stated otherwise.
 *
 * A bound that concerns one module only (a batch, a buffer, the depth of an include, a length that a column or an RFC
 * dictates) is beside the code that keeps it. Times are in clock.h, rate limits in web/route.c. */
#ifndef PARLEY_BASE_LIMITS_H
#define PARLEY_BASE_LIMITS_H

#define KB ((size_t)1024)
#define MB (1024 * KB)

#define ROW_ARENA (64 * KB)           /* scratch of a function that reads one row, or a few short values */
#define TENANT_ARENA (1 * MB)         /* scratch for what belongs to one tenant: plan, subscriptions, a conversation */
#define LIST_ARENA (16 * MB)          /* scratch for a list with a bounded number of rows */
#define MAX_REQUEST_ARENA (64 * MB)   /* memory of one request */
#define MAX_REPLY (8 * MB)            /* one rendered page or JSON reply */
#define MAX_HEADERS (64 * KB)         /* all reply headers together */
#define MAX_PARAMS 256                /* query or form fields of one request (count) */
#define MAX_JSON_DEPTH 32             /* levels */
#define MAX_FLOW (1 * MB)             /* one flow document */
#define MAX_FLOW_JSON (24 * MB)       /* its document in memory, as json_bytes() counts */
#define MAX_FLOW_NODES 2000           /* nodes of one flow (count) */
#define MAX_FLOW_STEPS 200            /* nodes run in one turn (count): stops a flow that loops */
#define MAX_FLOW_ARENA (32 * MB)      /* a parsed flow */
#define MAX_FLOW_ENGINE_CALLS 10      /* questions to engines in one turn (count) */
#define MAX_FLOW_LANGUAGES 20         /* count */
#define MAX_FLOW_VARS 200             /* variables of one flow (count) */
#define MAX_FLOW_NAME 64              /* the name of a node, variable or command */
#define MAX_FLOW_TEXT 4000            /* one text of a flow (characters) */
#define MAX_FLOW_LABEL 200            /* label, value, word, title (characters) */
#define MAX_FLOW_URL 2000             /* a URL (characters) */
#define MAX_FLOW_PATTERN 500          /* a regular expression (characters) */
#define MAX_FLOW_PATTERNS (4 * MB)    /* all patterns of one flow, compiled */
#define MAX_FLOW_PATTERN_US 100000    /* time that patterns may take in one turn (microseconds of processor time) */
#define MAX_FLOW_TESTS_US 1000000     /* the same for all scripted tests of one flow */
#define MAX_FLOW_MESSAGES 10          /* messages of one `say` (count) */
#define MAX_FLOW_LIST 50              /* choices, cases, assignments, headers, words or test turns (count) */
#define MAX_FLOW_TESTS 200            /* scripted tests of one flow (count) */
#define MAX_FLOW_CONDITIONS 8         /* nested all/any/not (levels) */
#define MAX_FLOW_FINDINGS 500         /* lint findings, or changes in a comparison (count) */
#define MAX_FLOW_VALUE 4000           /* the text of a variable (characters) */
#define MAX_FLOW_RENDERED (64 * KB)   /* a text, URL or body with its variables filled in */
#define MAX_STATE (64 * KB)           /* variables and position of a conversation, as JSON */
#define MAX_SECRET (4 * KB)           /* the value of a secret of a workspace */
#define MAX_SECRETS 100               /* secrets of one workspace (count) */
#define MAX_TEXT 4000                 /* one visitor message (characters) */
#define MAX_TURN_MESSAGES 40          /* bot messages of one turn (count) */
#define MAX_BACKLOG 4096              /* connections that may wait while a program restarts (count) */
#define MAX_FETCH (1 * MB)            /* body of the reply to an outgoing call */
#define MAX_MAIL (1 * MB)             /* text and HTML of one mail together */
#define MAX_CSV (32 * MB)             /* an uploaded CSV file */
#define MAX_CSV_ROWS 200000           /* count */
#define MAX_ANSWERS 200000            /* of one bot (count) */
#define MAX_BOT_FILE_ARENA (256 * MB) /* memory for the file of one bot while it is read */
#define MAX_CSV_FIELD (64 * KB)       /* one cell */

#endif
