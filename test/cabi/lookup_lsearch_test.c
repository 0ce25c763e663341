#define _POSIX_C_SOURCE 200809L /* clock_gettime, mkstemp */
/* The lsearch lookup, seen through the C ABI alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test/cabi/fake_host.h"

const struct signet_module* signet_driver_lsearch(void);

static const struct signet_lookup_driver* driver(void) {
  return signet_driver_lsearch()->lookups[0];
}

static char path[] = "/tmp/signet-lsearch-XXXXXX";
static struct signet_worker worker;
static void* driver_state;

static int set_up(void** state) {
  static const char text[] = "ann: one\nbob:\n  two\n";
  const int fd = mkstemp(path);
  (void)state;
  if (fd < 0 || write(fd, text, sizeof text - 1) != (ssize_t)(sizeof text - 1)) return 1;
  close(fd);
  driver_state = driver()->open(&fake_host, &worker);
  return 0;
}

static int tear_down(void** state) {
  (void)state;
  driver()->close(&fake_host, driver_state);
  return unlink(path);
}

static enum signet_found find(struct fake_lookup* lookup, const char* key, const char* file,
                              const char* options) {
  lookup->call.size = sizeof lookup->call;
  lookup->call.key = fake_text(key);
  lookup->call.query = fake_text(file);
  lookup->call.options = fake_text(options);
  lookup->call.deadline_ms = fake_host.now_ms() + 1000;
  return driver()->find(&fake_host, driver_state, &lookup->call);
}

static void key_gives_its_data(void** state) {
  struct fake_lookup lookup = {0};
  (void)state;
  assert_int_equal(find(&lookup, "ANN", path, NULL), SIGNET_FOUND);
  assert_string_equal(lookup.answer, "one");
  assert_int_equal(find(&lookup, "bob", path, NULL), SIGNET_FOUND);
  assert_string_equal(lookup.answer, " two");
  assert_int_equal(find(&lookup, "ann", path, "ret=full"), SIGNET_FOUND);
  assert_string_equal(lookup.answer, "ann: one");
  assert_int_equal(find(&lookup, "zoe", path, NULL), SIGNET_NOT_FOUND);
}

static void missing_file_is_temporary_trouble_with_its_reason(void** state) {
  struct fake_lookup lookup = {0};
  (void)state;
  assert_int_equal(find(&lookup, "ann", "/tmp/signet-no-such-file", NULL), SIGNET_UNREADABLE);
  assert_string_equal(
      lookup.answer,
      "failed to open /tmp/signet-no-such-file for linear search: No such file or directory");
}

static void files_are_read_where_blocking_is_allowed(void** state) {
  struct fake_lookup lookup = {0};
  const int before = worker.blocking_runs;
  (void)state;
  assert_int_equal(find(&lookup, "ann", path, NULL), SIGNET_FOUND);
  assert_int_equal(worker.blocking_runs, before + 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(key_gives_its_data),
      cmocka_unit_test(missing_file_is_temporary_trouble_with_its_reason),
      cmocka_unit_test(files_are_read_where_blocking_is_allowed),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
