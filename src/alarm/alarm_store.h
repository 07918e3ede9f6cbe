/* alarm_store.h: the rows of billing_alarm. An open row has an open_key, which is unique. */
#ifndef PARLEY_ALARM_ALARM_STORE_H
#define PARLEY_ALARM_ALARM_STORE_H

#include "alarm/alarm.h"

/* `open_key` is what kind and object are together while the alarm is open. */
enum status alarm_store_again(struct db *c, struct str open_key, struct id tenant, struct str words, int64_t now_ms,
                              bool *done, struct err *e);
/* ERR_CONFLICT "duplicate" when one is open. */
enum status alarm_store_open(struct db *c, const struct alarm *a, struct str open_key, struct err *e);
enum status alarm_store_clear(struct db *c, struct str open_key, int64_t now_ms, int64_t *n, struct err *e);
enum status alarm_store_close(struct db *c, struct id alarm, int64_t now_ms, int64_t *n, struct err *e);
enum status alarm_store_list(struct db *c, struct arena *a, bool open_only, int limit, struct alarm **out, size_t *n,
                             struct err *e);
enum status alarm_store_forget(struct db *c, int64_t before_ms, int limit, int64_t *n, struct err *e);

struct alarm_reader {
    struct str email, language;
};
/* The recipients: the operators of the install. */
enum status alarm_store_operators(struct db *c, struct arena *a, struct alarm_reader **out, size_t *n, struct err *e);

#endif
