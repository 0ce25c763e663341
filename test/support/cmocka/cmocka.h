/* The few names of cmocka that test/cabi uses, for where libcmocka is not installed:
 * `make test-cabi CMOCKA=system` builds the same tests against the real one. As there,
 * <stdarg.h>, <stddef.h> and <setjmp.h> are to be included first. */
#ifndef SIGNET_TEST_SUPPORT_CMOCKA_H_
#define SIGNET_TEST_SUPPORT_CMOCKA_H_

#include <stdio.h>
#include <string.h>

struct CMUnitTest {
  const char* name;
  void (*test_func)(void** state);
};
#define cmocka_unit_test(f) \
  { #f, f }

static jmp_buf cmocka_shim_leave;

static inline void cmocka_shim_fail(const char* file, int line, const char* text) {
  fprintf(stderr, "%s:%d: error: Failure! %s\n", file, line, text);
  longjmp(cmocka_shim_leave, 1);
}

#define assert_true(condition)                                          \
  do {                                                                  \
    if (!(condition)) cmocka_shim_fail(__FILE__, __LINE__, #condition); \
  } while (0)
#define assert_false(condition) assert_true(!(condition))
#define assert_null(pointer) assert_true((pointer) == NULL)
#define assert_non_null(pointer) assert_true((pointer) != NULL)
#define assert_int_equal(a, b)                                                         \
  do {                                                                                 \
    const long long cmocka_shim_a = (long long)(a), cmocka_shim_b = (long long)(b);    \
    char cmocka_shim_text[256];                                                        \
    if (cmocka_shim_a == cmocka_shim_b) break;                                         \
    snprintf(cmocka_shim_text, sizeof cmocka_shim_text, "%s is %lld, wanted %lld", #a, \
             cmocka_shim_a, cmocka_shim_b);                                            \
    cmocka_shim_fail(__FILE__, __LINE__, cmocka_shim_text);                            \
  } while (0)
#define assert_string_equal(a, b)                                         \
  do {                                                                    \
    if (strcmp((a), (b)) != 0) cmocka_shim_fail(__FILE__, __LINE__, (a)); \
  } while (0)
#define assert_memory_equal(a, b, size)                                          \
  do {                                                                           \
    if (memcmp((a), (b), (size)) != 0) cmocka_shim_fail(__FILE__, __LINE__, #a); \
  } while (0)

static inline int cmocka_shim_run(const struct CMUnitTest* tests, size_t count,
                                  int (*setup)(void**), int (*teardown)(void**)) {
  void* state = NULL;
  volatile int failed = 0; /* these survive longjmp */
  volatile size_t i;
  if (setup != NULL && setup(&state) != 0) return 1;
  printf("[==========] Running %zu test(s).\n", count);
  for (i = 0; i < count; ++i) {
    printf("[ RUN      ] %s\n", tests[i].name);
    fflush(stdout);
    if (setjmp(cmocka_shim_leave) == 0) {
      tests[i].test_func(&state);
      printf("[       OK ] %s\n", tests[i].name);
    } else {
      ++failed;
      printf("[  FAILED  ] %s\n", tests[i].name);
    }
  }
  if (teardown != NULL) teardown(&state);
  printf("[==========] %zu test(s) run.\n", count);
  printf("[  PASSED  ] %zu test(s).\n", count - (size_t)failed);
  if (failed != 0) printf("[  FAILED  ] %d test(s).\n", failed);
  return failed;
}
#define cmocka_run_group_tests(tests, setup, teardown) \
  cmocka_shim_run(tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

#endif
