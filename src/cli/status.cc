#include <jansson.h>

#include <algorithm>
#include <cstdio>

#include "src/base/log.h"
#include "src/cli/control_client.h"
#include "src/cli/options.h"
#include "src/cli/report.h"
#include "src/cli/terminal.h"

// signet status: how the running server is.
namespace signet::cli {
namespace {

constexpr std::size_t kLabelColumns = 15;
constexpr std::int64_t kSoon = 30 * 86'400;  // for a certificate to end
constexpr std::int64_t kLateUs = 100'000;    // for a worker

std::string Counted(std::int64_t number, std::string_view what) {
  return std::to_string(number) + ' ' + std::string(what) + (number == 1 ? "" : "s");
}

// "3 days 4 hours", "2 minutes", "12 seconds": the two largest parts.
std::string Span(std::int64_t seconds) {
  struct Unit {
    std::int64_t seconds;
    std::string_view name;
  };
  static constexpr Unit kUnits[] = {{86'400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
  std::string text;
  int parts = 0;
  for (const Unit& unit : kUnits) {
    const std::int64_t count = seconds / unit.seconds;
    if (count == 0 && parts == 0 && unit.seconds > 1) continue;
    if (count > 0 || parts == 0) text += (parts > 0 ? " " : "") + Counted(count, unit.name);
    seconds %= unit.seconds;
    if (++parts == 2) break;
  }
  return text;
}

std::string Megabytes(std::int64_t octets) {
  char text[40];
  std::snprintf(text, sizeof text, "%.1f MiB", static_cast<double>(octets) / (1024 * 1024));
  return text;
}

class Table {
 public:
  explicit Table(bool colour) : colour_(colour) {}

  std::string Take() { return std::move(text_); }

  // A label and what is behind it, wrapped; a label once for rows that follow each other.
  void Row(std::string_view label, std::string_view value, Style style = Style::kNone) {
    std::string before = Padded(label == last_ ? "" : label, kLabelColumns);
    last_ = label;
    for (const std::string& line :
         Wrap(WithoutControls(std::string(value)), kColumns - kLabelColumns)) {
      text_ += before + Styled(line, style, colour_) + '\n';
      before.assign(kLabelColumns, ' ');
    }
  }
  void Title(std::string_view text) { text_ += Styled(text, Style::kBold, colour_) + '\n'; }

 private:
  bool colour_;
  std::string text_, last_;
};

void AddRestarts(const json_t* status, Table* table) {
  const std::int64_t restarts = NumberIn(status, "restarts");
  if (restarts == 0) return;
  table->Row("serving",
             "process " + std::to_string(NumberIn(status, "serving_pid")) + "; " +
                 Counted(restarts, "restart") + " after crashes: the panic log says of what",
             Style::kDoubt);
}

void AddReload(const json_t* status, Table* table) {
  const json_t* reload = json_object_get(status, "last_reload");
  if (reload == nullptr) return;
  const bool good = json_is_true(json_object_get(reload, "good"));
  table->Row("last reload", LocalTime(NumberIn(reload, "time")) + (good ? ": good" : ": failed"),
             good ? Style::kNone : Style::kBad);
  if (good) return;
  std::size_t index = 0;
  json_t* line = nullptr;
  json_array_foreach(json_object_get(reload, "lines"), index, line) if (json_is_string(line))
      table->Row("last reload", json_string_value(line), Style::kBad);
}

void AddWorkers(const json_t* status, Table* table) {
  const json_t* sessions = json_object_get(status, "sessions");
  if (sessions == nullptr) return;
  table->Row("sessions", std::to_string(NumberIn(sessions, "now")) + " now, " +
                             std::to_string(NumberIn(sessions, "in_all")) + " in all");
  std::string each;
  std::int64_t lag = 0;
  std::size_t index = 0;
  json_t* worker = nullptr;
  const json_t* workers = json_object_get(status, "workers");
  json_array_foreach(workers, index, worker) {
    each += (index > 0 ? ", " : "") + std::to_string(NumberIn(worker, "sessions"));
    lag = std::max(lag, NumberIn(worker, "lag_us"));
  }
  table->Row("workers",
             std::to_string(json_array_size(workers)) + " (sessions: " + each + "); late by " +
                 std::to_string((lag + 999) / 1000) + " ms at most",
             lag > kLateUs ? Style::kDoubt : Style::kNone);
}

void AddCertificates(const json_t* status, Table* table) {
  std::size_t index = 0;
  json_t* one = nullptr;
  json_array_foreach(json_object_get(status, "certificates"), index, one) {
    const std::int64_t left = NumberIn(one, "not_after") - NumberIn(status, "now");
    const std::string subject = TextIn(one, "subject");
    const std::string when = left < 0 ? "ended " + Span(-left) + " ago" : Span(left) + " left";
    table->Row("certificates", (subject.empty() ? TextIn(one, "file") : subject) + ": " + when,
               left < 0       ? Style::kBad
               : left < kSoon ? Style::kDoubt
                              : Style::kNone);
  }
}

// A failure matters until there is an answer again.
void AddLookups(const json_t* status, Table* table) {
  const std::int64_t now = NumberIn(status, "now");
  std::size_t index = 0;
  json_t* one = nullptr;
  json_array_foreach(json_object_get(status, "lookups"), index, one) {
    const std::int64_t answered = NumberIn(one, "answered"), failed = NumberIn(one, "failed");
    const std::string why = TextIn(one, "why");
    const bool down = failed > answered;
    std::string text = TextIn(one, "type") + ": ";
    text += answered == 0 ? "has not answered yet"
                          : (down ? "last answered " : "answered ") + Span(now - answered) + " ago";
    text += ", " + Counted(NumberIn(one, "failures"), "failure");
    if (failed != 0) text += ", the last " + Span(now - failed) + " ago: " + why;
    table->Row("lookups", text, down ? Style::kBad : Style::kNone);
  }
}

void AddDecisions(const json_t* status, Table* table) {
  const json_t* decisions = json_object_get(status, "decisions");
  const std::int64_t most = NumberIn(decisions, "kept_most");
  if (most == 0) return table->Row("decisions", "none are kept: decisions_kept = 0");
  table->Row("decisions",
             std::to_string(NumberIn(decisions, "refused")) + " refused or deferred, " +
                 std::to_string(NumberIn(decisions, "accepted")) + " accepted (most: " +
                 std::to_string(most) + " each); " + Megabytes(NumberIn(decisions, "bytes")));
  const std::string file = TextIn(decisions, "file");
  if (!file.empty()) table->Row("decisions", "in " + file);
}

std::string TableOf(const json_t* status, bool colour) {
  Table table(colour);
  table.Title("Signet " + Printable(TextIn(status, "version")) + ", process " +
              std::to_string(NumberIn(status, "pid")) + ", up " +
              Span(NumberIn(status, "now") - NumberIn(status, "started")));
  table.Row("configuration", TextIn(status, "configuration") + ", generation " +
                                 std::to_string(NumberIn(status, "generation")) + ", loaded " +
                                 LocalTime(NumberIn(status, "loaded")));
  AddRestarts(status, &table);
  AddReload(status, &table);
  AddWorkers(status, &table);
  AddCertificates(status, &table);
  AddLookups(status, &table);
  AddDecisions(status, &table);
  return table.Take();
}

}  // namespace

int RunStatus(const Arguments& arguments) {
  int status = kGood;
  const JsonPtr answer = AskServer(arguments, "status", &status);
  if (answer == nullptr) return status;
  const bool printed =
      PrintText(arguments.json ? Indented(answer.get()) : TableOf(answer.get(), WantsColour(1)));
  return printed ? kGood : kNo;
}

}  // namespace signet::cli
