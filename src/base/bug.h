/* bug.h: states that cannot happen unless the program is wrong. Thread safe. */
#ifndef PARLEY_BASE_BUG_H
#define PARLEY_BASE_BUG_H

/* Log the text with its place, then abort, which makes a crash report. These checks stay in release builds: to go on in
 * a state that no one thought of could answer one tenant with the data of another. */
void bug_at(const char *file, int line, const char *fmt, ...) __attribute__((noreturn, format(printf, 3, 4)));
#define BUG(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(cond) ((cond) ? (void)0 : BUG("impossible: %s", #cond))

#endif
