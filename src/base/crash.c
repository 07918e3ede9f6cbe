/* crash.c: the handler that writes the crash report.
 *
 * Everything in it is async-signal-safe: write(2), backtrace_symbols_fd(), no memory, no locks. What needs preparation
 * (the build id, libgcc, the stack, the descriptor of the log) is prepared when the program starts. */
#include "base/crash.h"

#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/build.h"
#include "base/limits.h"
#include "base/str.h"

#include "base/banned.h"

#define SIGNAL_STACK (64 * KB)
#define FRAMES_MAX 64

static const char *crash_program = "parley";
static const char *crash_build = "unknown";
static struct crash_slot *slots;
static size_t slot_count;
static atomic_int log_fd = -1;
static __thread struct crash_slot *my_slot;
static __thread void *my_stack;

/* ---- the report ---- */

struct line {
    char p[2048];
    size_t n;
};

/* Text of unknown content: characters that would need an escape are left out, since the line must stay valid JSON. */
static void crash_say(struct line *l, const char *z)
{
    for (; *z && l->n < sizeof(l->p) - 2; z++)
        if ((unsigned char)*z >= ' ' && *z != '"' && *z != '\\')
            l->p[l->n++] = *z;
}

static void crash_quote(struct line *l, const char *before, const char *text, const char *after)
{
    for (; *before && l->n < sizeof(l->p) - 2; before++)
        l->p[l->n++] = *before;
    crash_say(l, text);
    for (; *after && l->n < sizeof(l->p) - 2; after++)
        l->p[l->n++] = *after;
}

/* printf may allocate memory and take locks, which the crashed thread may hold. */
static void crash_say_number(struct line *l, const char *before, long v, const char *after)
{
    char digits[24];
    size_t n = sizeof(digits);
    digits[--n] = '\0';
    do {
        digits[--n] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    crash_quote(l, before, digits + n, after);
}

static const char *signal_name(int sig)
{
    switch (sig) {
    case SIGSEGV:
        return "SIGSEGV";
    case SIGABRT:
        return "SIGABRT";
    case SIGBUS:
        return "SIGBUS";
    case SIGFPE:
        return "SIGFPE";
    default:
        return "SIGILL";
    }
}

/* The requests of all threads: the one that crashed is not always the one that caused it. Other threads keep running
 * meanwhile and may change their slots; a report that mixes two requests is better than none. */
static void crash_say_requests(struct line *l)
{
    bool first = true;
    crash_quote(l, ",\"requests\":[", "", "");
    for (size_t i = 0; i < slot_count; i++) {
        if (!atomic_load_explicit(&slots[i].busy, memory_order_acquire))
            continue;
        crash_quote(l, first ? "{\"id\":\"" : ",{\"id\":\"", slots[i].id, "\"");
        crash_quote(l, ",\"route\":\"", slots[i].route ? slots[i].route : "", "\"");
        crash_quote(l, &slots[i] == my_slot ? ",\"crashed\":true}" : "}", "", "");
        first = false;
    }
    crash_quote(l, "]", "", "");
}

static void crash_put(int fd, const struct line *l, void *const *frames, int count)
{
    if (write(fd, l->p, l->n) < 0)
        return;
    backtrace_symbols_fd(frames, count, fd);
}

/* The line has everything that is certain. It is written before the symbols of the backtrace are looked up, which may
 * fail in a program whose memory is damaged. */
static void on_crash(int sig, siginfo_t *info, void *context)
{
    (void)context;
    void *frames[FRAMES_MAX];
    struct line l = {.n = 0};
    crash_quote(&l, "{\"level\":\"error\",\"event\":\"crash\",\"program\":\"", crash_program, "\"");
    crash_quote(&l, ",\"signal\":\"", signal_name(sig), "\"");
    crash_quote(&l, ",\"build_id\":\"", crash_build, "\"");
    crash_say_number(&l, ",\"pid\":", getpid(), "");
    crash_say_number(&l, ",\"sent_by\":", info && info->si_code <= 0 ? info->si_pid : 0, "");
    if (my_slot && atomic_load_explicit(&my_slot->busy, memory_order_acquire)) {
        crash_quote(&l, ",\"request_id\":\"", my_slot->id, "\"");
        crash_quote(&l, ",\"route\":\"", my_slot->route ? my_slot->route : "", "\"");
    }
    crash_say_requests(&l);
    crash_quote(&l, "}\n", "", "");
    int count = backtrace(frames, FRAMES_MAX), also = atomic_load(&log_fd);
    crash_put(STDERR_FILENO, &l, frames, count);
    if (also >= 0)
        crash_put(also, &l, frames, count);
    /* SA_RESETHAND has restored the default action: the same signal now ends the program. */
    raise(sig);
}

/* ---- setting up ---- */

/* A thread that overflowed its stack has no stack left for the handler, so it gets another one here. It is mapped and
 * not allocated: the heap may be what is broken. */
void crash_thread_begin(struct crash_slot *slot)
{
    my_slot = slot;
    if (my_stack)
        return;
    my_stack = mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (my_stack == MAP_FAILED) {
        my_stack = NULL; /* the report then uses the stack of the thread itself */
        return;
    }
    stack_t st = {.ss_sp = my_stack, .ss_size = SIGNAL_STACK};
    sigaltstack(&st, NULL);
}

void crash_thread_end(void)
{
    stack_t st = {.ss_flags = SS_DISABLE};
    my_slot = NULL;
    if (!my_stack)
        return;
    sigaltstack(&st, NULL);
    munmap(my_stack, SIGNAL_STACK);
    my_stack = NULL;
}

void crash_init(const char *program)
{
    static const int signals[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
    void *frame;
    crash_program = program;
    crash_build = build_id();
    (void)backtrace(&frame, 1); /* its first call loads libgcc, which the handler must not do */
    struct sigaction sa = {.sa_sigaction = on_crash,
                           .sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND | SA_NODEFER};
    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < COUNT_OF(signals); i++)
        sigaction(signals[i], &sa, NULL);
    crash_thread_begin(NULL);
}

void crash_log_file(const char *path)
{
    int fd = *path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640) : -1;
    int old = atomic_exchange(&log_fd, fd);
    if (old >= 0)
        close(old);
}

void crash_slots(struct crash_slot *all, size_t n)
{
    slots = all;
    slot_count = n;
}

/* The id is written before busy is set (release), so the handler of another thread never reports half an id. */
void crash_busy(struct crash_slot *slot, const char *id)
{
    if (!slot)
        return;
    size_t n = strnlen(id, sizeof(slot->id) - 1);
    memcpy(slot->id, id, n);
    slot->id[n] = '\0';
    slot->route = NULL;
    atomic_store_explicit(&slot->busy, true, memory_order_release);
}

void crash_route(struct crash_slot *slot, const char *route)
{
    if (slot)
        slot->route = route;
}

void crash_idle(struct crash_slot *slot)
{
    if (slot)
        atomic_store_explicit(&slot->busy, false, memory_order_release);
}
