/* build.h: which program this is: for logs, crash reports and `parley version`. Thread safe. */
#ifndef PARLEY_BASE_BUILD_H
#define PARLEY_BASE_BUILD_H

const char *build_version(void); /* "0.1.0" */
/* The GNU build id of the running executable as hex: the one that debuginfo files go by; "unknown" if it has none. Call it
 * once in main when a crash handler wants it later: the first call is not safe in a signal handler. */
const char *build_id(void);

#endif
