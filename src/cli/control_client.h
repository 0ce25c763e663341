#ifndef SIGNET_SRC_CLI_CONTROL_CLIENT_H_
#define SIGNET_SRC_CLI_CONTROL_CLIENT_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/cli/options.h"

struct json_t;

// How verbs ask the running server.
namespace signet::cli {

struct JsonDeleter {
  void operator()(json_t* json) const;
};
using JsonPtr = std::unique_ptr<json_t, JsonDeleter>;

// --socket, or control_socket of the configuration, even of one with mistakes: the server may
// well run with an older one.
//   Errors  for standard error; kUsage.
Result<std::string, std::string> ControlPath(const Arguments& arguments);

// Asks, and waits so long for each part of the answer.
//   Errors  for standard error: what is wrong, and what to do.
Result<JsonPtr, std::string> AskServer(const std::string& path, const std::string& request,
                                       std::chrono::seconds wait = std::chrono::seconds(30));
// Both; an object. What went wrong has been printed where there is nothing: `*status` is for it.
JsonPtr AskServer(const Arguments& arguments, const std::string& request, int* status,
                  std::chrono::seconds wait = std::chrono::seconds(30));

// What is wrong, in lines that fit, on standard error; returns the status.
int ComplainWrapped(int status, std::string_view text);

// Text of the server, which has no control characters unless somebody has put them there.
std::string WithoutControls(std::string text);

// Members of objects; empty or 0 where they are missing.
std::string TextIn(const json_t* object, const char* name);
std::int64_t NumberIn(const json_t* object, const char* name);
// Indented, with a line end; for --json.
std::string Indented(const json_t* json);

// "2026-03-01 12:00:00", where we are.
std::string LocalTime(std::int64_t seconds);

}  // namespace signet::cli
#endif
