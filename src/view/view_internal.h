/* view_internal.h: what the files of this room share. ClearSilver's own headers stay in the .c files. */
#ifndef PARLEY_VIEW_INTERNAL_H
#define PARLEY_VIEW_INTERNAL_H

#include "view/view.h"

#define VIEW_LANGUAGES 32               /* count */
#define VIEW_LOADS 64                   /* files one template may pull in: a file that includes itself ends here */
#define VIEW_TEMPLATE_FILE (256 << 10) /* bytes */

struct _hdf;
struct _neo_err;

/* ---- texts.c: the texts of all languages, immutable and counted ---- */
struct texts;
enum status texts_load(const char *template_dir, struct texts **out, struct err *e);
struct texts *texts_retain(struct texts *t);
void texts_drop(struct texts *t);
/* The tree of the best language for `wanted`; *language is its name. Both live as long as `t`. */
struct _hdf *texts_find(const struct texts *t, const char *wanted, const char **language);

/* ---- template.c: parsed templates ---- */
struct parsed;
enum status templates_open(const struct view_config *vc, struct err *e);
void templates_forget(void); /* parsed copies are made anew from now on */
void templates_close(void);
/* Take a parsed copy for this render alone. */
enum status templates_take(const char *name, struct parsed **out, struct err *e);
enum status templates_render(struct parsed *p, struct _hdf *data, struct _hdf *texts, struct buf *out, struct err *e);
void templates_give(struct parsed *p);

/* Turn a ClearSilver error into ours: logged in full, said in one sentence. Takes `ne` over; OK when it is NULL. */
enum status neo_status(struct _neo_err *ne, const char *what, struct err *e);

#endif
