/* build.h: which build of the program is running: for logs, crash reports and `parley version`. Thread safe. */
#ifndef PARLEY_BASE_BUILD_H
#define PARLEY_BASE_BUILD_H

/* "0.1.0" */
const char *build_version(void);
/* The GNU build id of the running executable in hex, by which debuginfo files are found; "unknown" if it has none. The
 * first call is not safe in a signal handler, so a program calls it once in main. */
const char *build_id(void);

#endif
