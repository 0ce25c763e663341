#include <jansson.h>

#include <chrono>
#include <cstdio>

#include "src/base/log.h"
#include "src/cli/control_client.h"
#include "src/cli/options.h"
#include "src/cli/report.h"

// signet reload: SIGHUP with an answer.
namespace signet::cli {

int RunReload(const Arguments& arguments) {
  // Keys, trust files and revocation lists are read, some of them slowly.
  constexpr std::chrono::minutes kWait{10};
  int status = kGood;
  const JsonPtr answer = AskServer(arguments, "reload", &status, kWait);
  if (answer == nullptr) return status;
  const bool good = json_is_true(json_object_get(answer.get(), "good"));
  if (arguments.json) return PrintText(Indented(answer.get())) ? (good ? kGood : kUsage) : kNo;
  std::string text;
  std::size_t index = 0;
  json_t* line = nullptr;
  json_array_foreach(json_object_get(answer.get(), "lines"), index, line) if (json_is_string(line))
      text += WithoutControls(json_string_value(line)) + '\n';
  if (good) return PrintText(text) ? kGood : kNo;
  std::fputs(text.c_str(), stderr);
  return kUsage;
}

}  // namespace signet::cli
