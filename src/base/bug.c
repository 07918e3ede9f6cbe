/* bug.c: the end of a program that found itself in an impossible state.
 *
 * A file of its own, so that err.c needs no log and log.c can report its errors through err.c. */
#include "base/bug.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

#include "base/banned.h"

void bug_at(const char *file, int line, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        text[0] = '\0';
    va_end(ap);
    log_line(LOG_ERROR, "bug", LOG_S("message", text), LOG_S("file", file), LOG_I("line", line));
    abort();
}
