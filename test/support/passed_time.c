/* To be preloaded: the clocks of one program, all of them, ahead by as many milliseconds as the
   file that PASSED_TIME names says (eight octets, a signed integer), now and whenever that grows:
   for it, so much time has passed. Who waits without a new event finds out when its wait is over.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t* passed;

__attribute__((constructor)) static void Begin(void) {
  const char* path = getenv("PASSED_TIME");
  const int file = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  void* memory;
  if (file < 0) return;
  memory = mmap(NULL, sizeof *passed, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (memory != MAP_FAILED) passed = memory;
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  const int result = (int)syscall(SYS_clock_gettime, clock, now);
  const int is_time = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ||
                      clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE;
  if (result == 0 && passed != NULL && is_time) {
    const int64_t nanoseconds = now->tv_nsec + *passed % 1000 * 1000000;
    now->tv_sec += *passed / 1000 + nanoseconds / 1000000000;
    now->tv_nsec = nanoseconds % 1000000000;
  }
  return result;
}

time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}
