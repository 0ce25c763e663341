#define _POSIX_C_SOURCE 200809L /* mkdtemp */
/* The lookups that read files and databases, seen through the C ABI alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/cabi/fake_host.h"

const struct signet_module* signet_driver_dsearch(void);
const struct signet_module* signet_driver_cdb(void);
const struct signet_module* signet_driver_dbm(void);
const struct signet_module* signet_driver_json(void);
const struct signet_module* signet_driver_passwd(void);
const struct signet_module* signet_driver_sqlite(void);
const struct signet_module* signet_driver_redis(void);

typedef const struct signet_module* entry(void);
static entry* const entries[] = {signet_driver_dsearch, signet_driver_cdb,    signet_driver_dbm,
                                 signet_driver_json,    signet_driver_passwd, signet_driver_sqlite,
                                 signet_driver_redis};
#define ENTRIES (sizeof entries / sizeof entries[0])

static char directory[] = "/tmp/signet-lookups-XXXXXX";
static char path[100];
static struct signet_worker worker;

static int set_up(void** state) {
  FILE* file;
  (void)state;
  if (mkdtemp(directory) == NULL) return 1;
  snprintf(path, sizeof path, "%s/file", directory);
  file = fopen(path, "w");
  if (file == NULL || fputs("{\"a\": {\"b\": [1, 2.5]}}", file) < 0) return 1;
  return fclose(file);
}

static int tear_down(void** state) {
  (void)state;
  return unlink(path) != 0 || rmdir(directory) != 0;
}

/* One lookup with a state of its own. */
static enum signet_found find(entry* module, struct fake_lookup* lookup, struct signet_text key,
                              const char* query, const char* options) {
  const struct signet_lookup_driver* driver = module()->lookups[0];
  void* state = driver->open == NULL ? NULL : driver->open(&fake_host, &worker);
  enum signet_found found;
  memset(lookup, 0, sizeof *lookup);
  lookup->call.size = sizeof lookup->call;
  lookup->call.key = key;
  lookup->call.query = fake_text(query);
  lookup->call.options = fake_text(options);
  lookup->call.deadline_ms = fake_host.now_ms() + 5000;
  found = driver->find(&fake_host, state, &lookup->call);
  if (driver->close != NULL) driver->close(&fake_host, state);
  return found;
}

static void tables_are_whole(void** state) {
  size_t i, t;
  (void)state;
  for (i = 0; i < ENTRIES; ++i) {
    const struct signet_module* module = entries[i]();
    const struct signet_lookup_driver* driver = module->lookups[0];
    assert_int_equal(module->abi_version, SIGNET_ABI_VERSION);
    assert_int_equal(module->size, sizeof *module);
    assert_int_equal(driver->abi_version, SIGNET_ABI_VERSION);
    assert_int_equal(driver->size, sizeof *driver);
    assert_int_equal(driver->type_size, sizeof(struct signet_lookup_type));
    assert_non_null(driver->find);
    for (t = 0; t < driver->type_count; ++t) {
      assert_true(driver->types[t].manual.size > 0);
      assert_non_null(driver->types[t].options.data);
      if (driver->types[t].accepts & SIGNET_QUOTE_OWN) assert_non_null(driver->quote);
    }
  }
}

/* A driver that blocks says so, or asks for a thread where it may. */
static void nothing_blocks_the_worker(void** state) {
  struct fake_lookup lookup;
  int before = worker.blocking_runs;
  (void)state;
  find(signet_driver_json, &lookup, fake_text("a"), path, NULL);
  assert_int_equal(worker.blocking_runs, ++before);
  find(signet_driver_sqlite, &lookup, fake_text(NULL), "select 1", "file=/tmp/signet-no-such-file");
  assert_int_equal(worker.blocking_runs, ++before);
  assert_true(signet_driver_dsearch()->lookups[0]->types[0].flags & SIGNET_LOOKUP_BLOCKING);
  assert_true(signet_driver_cdb()->lookups[0]->types[0].flags & SIGNET_LOOKUP_BLOCKING);
  assert_true(signet_driver_passwd()->lookups[0]->types[0].flags & SIGNET_LOOKUP_BLOCKING);
  assert_true(signet_driver_dbm()->lookups[0]->types[0].flags & SIGNET_LOOKUP_BLOCKING);
  assert_true(signet_driver_dbm()->lookups[0]->types[2].flags & SIGNET_LOOKUP_BLOCKING);
}

static void an_entry_of_a_directory_is_found(void** state) {
  struct fake_lookup lookup;
  (void)state;
  assert_int_equal(
      find(signet_driver_dsearch, &lookup, fake_text("file"), directory, "ret=full,filter=file"),
      SIGNET_FOUND);
  assert_string_equal(lookup.answer, path);
  assert_int_equal(find(signet_driver_dsearch, &lookup, fake_text("a/b"), directory, NULL),
                   SIGNET_LATER);
  assert_string_equal(lookup.answer, "key for dsearch lookup contains a slash: a/b");
}

static void elements_of_a_key_select_in_json(void** state) {
  static const struct signet_text key = SIGNET_TEXT(
      "a\0b\0"
      "1");
  struct fake_lookup lookup;
  (void)state;
  assert_int_equal(find(signet_driver_json, &lookup, key, path, NULL), SIGNET_FOUND);
  assert_string_equal(lookup.answer, "2.500000");
  assert_int_equal(find(signet_driver_json, &lookup, fake_text("a:b"), path, NULL),
                   SIGNET_NOT_FOUND);
}

static void what_is_no_database_is_not_read(void** state) {
  struct fake_lookup lookup;
  (void)state;
  assert_int_equal(find(signet_driver_cdb, &lookup, fake_text("k"), path, NULL), SIGNET_UNREADABLE);
  assert_int_equal(find(signet_driver_dbm, &lookup, fake_text("k"), path, NULL), SIGNET_UNREADABLE);
  worker.logged[0] = '\0';
  assert_int_equal(find(signet_driver_sqlite, &lookup, fake_text(NULL), path, NULL),
                   SIGNET_NOT_FOUND); /* no statement */
  assert_int_equal(worker.logged[0], '\0');
  worker.option_name = "sqlite_dbfile";
  worker.option_text = path;
  assert_int_equal(find(signet_driver_sqlite, &lookup, fake_text(NULL), "select * from t", NULL),
                   SIGNET_NOT_FOUND);
  worker.option_name = NULL;
  assert_non_null(strstr(worker.logged, "file is not a database"));
}

static void an_account_is_found(void** state) {
  struct fake_lookup lookup;
  (void)state;
  assert_int_equal(find(signet_driver_passwd, &lookup, fake_text(NULL), "root", NULL),
                   SIGNET_FOUND);
  assert_int_equal(strncmp(lookup.answer, "*:0:0:", 6), 0);
  assert_int_equal(find(signet_driver_passwd, &lookup, fake_text(NULL), "root:", NULL),
                   SIGNET_NOT_FOUND);
}

/* Without servers it comes to no waiting, which the fake could not do. */
static void redis_without_servers_is_trouble(void** state) {
  struct fake_lookup lookup;
  (void)state;
  assert_int_equal(find(signet_driver_redis, &lookup, fake_text(NULL), "get k", NULL),
                   SIGNET_LATER);
  assert_string_equal(lookup.answer, "no Redis servers defined (redis_servers option)");
  assert_int_equal(find(signet_driver_redis, &lookup, fake_text(NULL), "set k v", "servers=h/pw"),
                   SIGNET_LATER);
  assert_string_equal(lookup.answer, "incomplete Redis server data: h");
  assert_int_equal(lookup.changed, 1);
}

static void add(void* context, struct signet_text piece) {
  strncat((char*)context, piece.data, piece.size);
}

static void quoting_is_the_drivers(void** state) {
  const struct signet_lookup_driver* sqlite = signet_driver_sqlite()->lookups[0];
  const struct signet_lookup_driver* redis = signet_driver_redis()->lookups[0];
  char quoted[100] = "";
  (void)state;
  assert_int_equal(sqlite->quote(0, fake_text(NULL), fake_text("it's '"), add, quoted), 1);
  assert_string_equal(quoted, "it''s ''");
  quoted[0] = '\0';
  assert_int_equal(redis->quote(0, fake_text(NULL), fake_text("a b\\c"), add, quoted), 1);
  assert_string_equal(quoted, "a\\ b\\\\c");
  assert_int_equal(sqlite->quote(0, fake_text("like"), fake_text(""), add, quoted), 0);
  assert_int_equal(redis->quote(0, fake_text("x"), fake_text(""), add, quoted), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tables_are_whole),
      cmocka_unit_test(nothing_blocks_the_worker),
      cmocka_unit_test(an_entry_of_a_directory_is_found),
      cmocka_unit_test(elements_of_a_key_select_in_json),
      cmocka_unit_test(what_is_no_database_is_not_read),
      cmocka_unit_test(an_account_is_found),
      cmocka_unit_test(redis_without_servers_is_trouble),
      cmocka_unit_test(quoting_is_the_drivers),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
