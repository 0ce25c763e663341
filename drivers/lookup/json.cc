// The `json` lookup: a value inside a file of JSON, by the names and numbers that lead to it.
//
// The key is a list, which the host has split: what came from outside is one selector each,
// whatever it holds.
#include <jansson.h>
#include <signet/driver_cpp.h>
#include <stdio.h>
#include <stdlib.h>

#include <algorithm>
#include <memory>

#include "drivers/lookup/file.h"

namespace {

using signet::driver::Descriptor;
using signet::driver::Text;
using signet::driver::View;

constexpr std::size_t kFileMaxBytes = 16 * 1024 * 1024;  // limits::kJsonFileMaxBytes
constexpr std::size_t kAnswerMaxBytes = 1024 * 1024;     // limits::kLookupAnswerBytes

struct Release {
  void operator()(json_t* value) const { json_decref(value); }
};

// What a thread that may block finds out.
struct Search {
  std::string path, key;
  signet_found found = SIGNET_NOT_FOUND;
  std::string text;  // the value, or what is wrong
  std::string note;  // for the log
};

bool IsIndex(std::string_view selector) {
  return !selector.empty() &&
         std::all_of(selector.begin(), selector.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The member or element of `value`, or nullptr.
const json_t* Select(const json_t* value, const std::string& selector) {
  constexpr std::size_t kDigitsMax = 9;  // more elements than a file has octets
  if (IsIndex(selector))
    return selector.size() > kDigitsMax ? nullptr : json_array_get(value, std::stoul(selector));
  return json_object_get(value, selector.c_str());
}

const json_t* Follow(const json_t* value, std::string_view key) {
  while (value != nullptr) {
    const std::size_t end = key.find('\0');
    value = Select(value, std::string(key.substr(0, end)));
    if (end == std::string_view::npos) break;
    key.remove_prefix(end + 1);
  }
  return value;
}

// Gives up, and says so, where the text would be longer than an answer may be.
bool Dump(const json_t* value, std::string* text) {
  const auto add = [](const char* part, std::size_t size, void* context) {
    auto* all = static_cast<std::string*>(context);
    if (all->size() + size > kAnswerMaxBytes) return -1;
    all->append(part, size);
    return 0;
  };
  return json_dump_callback(value, add, text, 0) == 0;
}

void Show(const json_t* value, Search* search) {
  char digits[400];  // the longest of all doubles has 309 digits before its point
  search->found = SIGNET_FOUND;
  switch (json_typeof(value)) {
    case JSON_STRING:
      search->text.assign(json_string_value(value), json_string_length(value));
      break;
    case JSON_INTEGER:
      search->text = std::to_string(json_integer_value(value));
      break;
    case JSON_REAL:
      search->text.assign(digits, static_cast<std::size_t>(snprintf(digits, sizeof digits, "%f",
                                                                    json_real_value(value))));
      break;
    case JSON_TRUE:
      search->text = "true";
      break;
    case JSON_FALSE:
      search->text = "false";
      break;
    case JSON_NULL:
      search->found = SIGNET_NOT_FOUND;
      break;
    case JSON_OBJECT:
    case JSON_ARRAY:
      if (Dump(value, &search->text)) break;
      search->found = SIGNET_LATER;
      search->text = "the answer is longer than " + std::to_string(kAnswerMaxBytes) + " octets";
      break;
  }
}

void Run(Search* search) {
  Descriptor fd;
  struct stat info {};
  search->text = signet::driver::OpenRegularFile(search->path, "json search", "json", &fd, &info);
  if (!search->text.empty()) {
    search->found = SIGNET_UNREADABLE;
    return;
  }
  std::string octets;
  if (std::string why = signet::driver::ReadWhole(fd.get(), kFileMaxBytes, &octets); !why.empty()) {
    search->found = SIGNET_LATER;
    search->text = search->path + ": " + why;
    return;
  }
  json_error_t error;
  const std::unique_ptr<json_t, Release> root(json_loadb(octets.data(), octets.size(), 0, &error));
  if (root == nullptr) {
    search->note = search->path + ":" + std::to_string(error.line) + ": not JSON: " + error.text;
    return;
  }
  const json_t* value = Follow(root.get(), search->key);
  if (value != nullptr) Show(value, search);
}

struct State {
  signet_worker* worker;
};

signet_found Find(const signet_host* host, void* state, signet_lookup_call* call) noexcept {
  signet_worker* worker = static_cast<State*>(state)->worker;
  Search search;
  search.path = View(call->query);
  search.key = View(call->key);
  if (search.path.empty() || search.path[0] != '/' || search.path.find('\0') != std::string::npos) {
    host->answer(call, Text("absolute file name expected for \"json\" lookup"));
    return SIGNET_UNREADABLE;
  }
  signet::driver::Blocking(host, worker, [&search] { Run(&search); });
  if (!search.note.empty()) host->worker_log(worker, Text(search.note));
  host->answer(call, Text(search.text));
  return search.found;
}

void* Open(const signet_host*, signet_worker* worker) noexcept { return new State{worker}; }
void Close(const signet_host*, void* state) noexcept { delete static_cast<State*>(state); }

const signet_lookup_type kTypes[] = {
    {SIGNET_TEXT("json"),
     SIGNET_LOOKUP_SINGLE_KEY | SIGNET_LOOKUP_ABSOLUTE_FILE | SIGNET_LOOKUP_LIST_KEY, 0,
     SIGNET_TEXT("a value in a file of JSON, by a list of names and indexes"), SIGNET_TEXT("")},
};

constexpr signet_lookup_driver MakeDriver() {
  signet_lookup_driver driver = signet::driver::LookupDriver("json", kTypes, Find);
  driver.open = Open;
  driver.close = Close;
  return driver;
}
const signet_lookup_driver kDriver = MakeDriver();
const signet_lookup_driver* const kLookups[] = {&kDriver};
const signet_module kModule = signet::driver::LookupModule("json", kLookups);

}  // namespace

SIGNET_DRIVER_ENTRY(json) { return &kModule; }
