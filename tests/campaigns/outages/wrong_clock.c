/*
 * Puts the wall clock of one program ahead or back, while that runs: LD_PRELOAD this.
 *
 * CLOCK_SHIFT_FILE names a file of eight bytes, the seconds to add, looked at in each call. The monotonic clock is
 * left alone, and waits until a moment of the wall clock end when they would have.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Later than any monotonic clock shows, earlier than any wall clock. */
#define A_WALL_CLOCK 1000000000

static volatile int64_t *shift;
static int64_t none;
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_cond_wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
static int (*real_sem_wait)(sem_t *, const struct timespec *);

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("CLOCK_SHIFT_FILE");
    int file = name ? open(name, O_RDONLY) : -1;
    void *seen = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (file >= 0) close(file);
    shift = seen == MAP_FAILED ? &none : seen;
    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    real_cond_wait = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    real_sem_wait = dlsym(RTLD_NEXT, "sem_timedwait");
}

int clock_gettime(clockid_t which, struct timespec *at) {
    if (!real_clock_gettime) begin();
    int failed = real_clock_gettime(which, at);
    if (!failed && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) at->tv_sec += *shift;
    return failed;
}

int gettimeofday(struct timeval *at, void *zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

static struct timespec really(const struct timespec *until) {
    struct timespec real = *until;
    if (real.tv_sec > A_WALL_CLOCK) real.tv_sec -= *shift;
    return real;
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
    if (!real_cond_wait) begin();
    struct timespec real = really(until);
    return real_cond_wait(condition, mutex, &real);
}

int sem_timedwait(sem_t *semaphore, const struct timespec *until) {
    if (!real_sem_wait) begin();
    struct timespec real = really(until);
    return real_sem_wait(semaphore, &real);
}
