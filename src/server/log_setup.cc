#include "src/server/log_setup.h"

#include <algorithm>

#include "src/base/log_place.h"
#include "src/base/text.h"

namespace signet::server {
namespace {

void AddPlaces(const config::Text& list, Log::Form form, std::vector<Log::Place>* places) {
  for (const std::string& item : SplitAdministratorList(list.text))
    // What cannot be read was a mistake when the configuration was loaded.
    if (auto place = ReadLogPlace(item, form)) places->push_back(std::move(place).value());
}

}  // namespace

LogSelector LogSelectorOf(const config::Main& main) {
  std::vector<std::string> unknown;
  return LogSelector::Parse(main.log_selector.text, &unknown);
}

Log::Setup LogSetupOf(const config::Main& main) {
  Log::Setup setup;
  setup.places.clear();
  AddPlaces(main.log_file_path, Log::Form::kExim, &setup.places);
  AddPlaces(main.log_json_path, Log::Form::kJson, &setup.places);
  if (setup.places.empty()) setup.places.emplace_back();
  const LogSelector selector = LogSelectorOf(main);
  setup.stamp = {main.log_timezone, selector.Has(Selector::kMillisec),
                 selector.Has(Selector::kPid)};
  setup.syslog.facility = FindSyslogFacility(main.syslog_facility.text).value_or(-1);
  setup.syslog.name = main.syslog_processname.text;
  setup.syslog.pid = main.syslog_pid;
  setup.syslog.stamp = main.syslog_timestamp;
  setup.syslog.duplication = main.syslog_duplication;
  setup.write_reject = main.write_rejectlog;
  return setup;
}

bool LogsToStderr(const Log::Setup& setup) {
  return std::any_of(setup.places.begin(), setup.places.end(), [](const Log::Place& place) {
    return place.kind == Log::Place::Kind::kStderr;
  });
}

}  // namespace signet::server
