/* view_internal.h: what the files of src/view share. ClearSilver's own headers are included by the .c files only. */
#ifndef PARLEY_VIEW_INTERNAL_H
#define PARLEY_VIEW_INTERNAL_H

#include "base/limits.h"
#include "view/view.h"

#define VIEW_LANGUAGES 32 /* count */
#define VIEW_LOADS 64     /* files that one template may include: stops a file that includes itself */
#define VIEW_TEMPLATE_FILE (256 * KB)

struct _hdf;
struct _neo_err;

/* ---- texts.c: the texts of all languages, immutable and reference counted ---- */
struct texts;
enum status texts_load(const char *template_dir, struct texts **out, struct err *e);
struct texts *texts_retain(struct texts *t);
void texts_drop(struct texts *t);
/* The tree of the best language for `wanted`; *language is its name. Both live as long as `t`. */
struct _hdf *texts_find(const struct texts *t, const char *wanted, const char **language);

/* ---- template.c: parsed templates ---- */
struct parsed;
enum status templates_open(const struct view_config *vc, struct err *e);
/* From now on templates are parsed again. */
void templates_forget(void);
void templates_close(void);
/* Take a parsed copy for one render; templates_give() returns it. */
enum status templates_take(const char *name, struct parsed **out, struct err *e);
enum status templates_render(struct parsed *p, struct _hdf *data, struct _hdf *texts, struct buf *out, struct err *e);
void templates_give(struct parsed *p);

/* Turn an error of ClearSilver into a status: it is logged in full, and *e gets one sentence. Takes over `ne`; OK when
 * it is NULL. */
enum status neo_status(struct _neo_err *ne, const char *what, struct err *e);

#endif
