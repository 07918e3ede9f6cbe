/* program.h: what the programs of cgi-bin share in their struct web_program. The functions are called as web/server.h
 * describes for the members that they are put into. */
#ifndef PARLEY_PROGRAM_H
#define PARLEY_PROGRAM_H

#include "db/db.h"
#include "web/server.h"

/* thread_begin and thread_end: the database library for this thread. */
enum status program_thread_begin(void *app, struct err *e);
void program_thread_end(void *app);
/* cost: the database statements of a request, for the log line. cost_reset is db_cost_reset. */
struct web_cost program_cost(void);

/* For open: the templates of template_dir, or those that were installed. view_library_close() undoes it. */
enum status program_open_view(const struct config *c, struct err *e);
/* reload: loads texts and templates again. Settings need nothing: each request reads them. */
void program_reload_view(void *app, const struct config *c);

#endif
