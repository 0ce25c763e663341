/* The lookup `columns`: finds a key in the first column of a file with tabs, and gives the second
 * one. It shows a single-key lookup in a file, which blocks and therefore has a thread of its own.
 * Built outside the tree by `make installcheck` and shown in doc/drivers.md. */
#include <errno.h>
#include <signet/driver.h>
#include <stdio.h>
#include <string.h>

#define PATH_SIZE 4096
#define LINE_SIZE 4096

/* What is wrong with a file, as the answer of a lookup that cannot tell. */
static enum signet_found unreadable(const struct signet_host* host, struct signet_lookup_call* call,
                                    const char* why) {
  const struct signet_text text = {why, strlen(why)};
  host->answer(call, text);
  return SIGNET_UNREADABLE;
}

/* The second column, where the first one is the key; data NULL: it is not. */
static struct signet_text match(const char* line, struct signet_text key) {
  struct signet_text value = {NULL, 0};
  const char* tab = strchr(line, '\t');
  if (tab == NULL || (size_t)(tab - line) != key.size) return value;
  if (memcmp(line, key.data, key.size) != 0) return value;
  value.data = tab + 1;
  value.size = strcspn(tab + 1, "\t\n");
  return value;
}

static enum signet_found search(const struct signet_host* host, struct signet_lookup_call* call,
                                FILE* file) {
  char line[LINE_SIZE];
  while (fgets(line, sizeof line, file) != NULL) {
    const struct signet_text value = match(line, call->key);
    if (strchr(line, '\n') == NULL && !feof(file)) return unreadable(host, call, "a line too long");
    if (value.data == NULL) continue;
    host->answer(call, value);
    return SIGNET_FOUND;
  }
  return ferror(file) ? unreadable(host, call, "cannot read the file") : SIGNET_NOT_FOUND;
}

static enum signet_found find(const struct signet_host* host, void* state,
                              struct signet_lookup_call* call) {
  char path[PATH_SIZE];
  enum signet_found found;
  FILE* file;
  (void)state;
  if (call->query.size >= sizeof path) return unreadable(host, call, "a path too long");
  memcpy(path, call->query.data, call->query.size);
  path[call->query.size] = '\0';
  file = fopen(path, "re");
  if (file == NULL) return unreadable(host, call, strerror(errno));
  found = search(host, call, file);
  fclose(file);
  return found;
}

static const struct signet_lookup_type types[] = {
    {.name = SIGNET_TEXT("columns"),
     .flags = SIGNET_LOOKUP_SINGLE_KEY | SIGNET_LOOKUP_ABSOLUTE_FILE | SIGNET_LOOKUP_BLOCKING,
     .manual = SIGNET_TEXT("second column of a file with tabs, by the first one")},
};

static const struct signet_lookup_driver lookup = {
    .abi_version = SIGNET_ABI_VERSION,
    .size = sizeof(struct signet_lookup_driver),
    .name = SIGNET_TEXT("columns"),
    .types = types,
    .type_count = 1,
    .type_size = sizeof types[0],
    .find = find,
};
static const struct signet_lookup_driver* const lookups[] = {&lookup};

static const struct signet_module module = {
    .abi_version = SIGNET_ABI_VERSION,
    .size = sizeof(struct signet_module),
    .name = SIGNET_TEXT("columns"),
    .version = SIGNET_TEXT("1.0"),
    .lookups = lookups,
    .lookup_count = 1,
};

SIGNET_DRIVER_ENTRY(columns) { return &module; }
