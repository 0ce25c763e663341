#ifndef SIGNET_SRC_BASE_LOG_EVENT_H_
#define SIGNET_SRC_BASE_LOG_EVENT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace signet {

struct LogFact {
  std::string_view name;  // a literal
  std::variant<std::string, std::int64_t, bool, std::vector<std::string>> value;
};

// One event of a log in both its forms, which say the same: a line as Exim writes it, and
// facts by name. Made by adding piece after piece to the line, each with the fact it stands
// for. Nothing is escaped here but what could be taken for another field of the line; the
// Log does the rest (rule G1).
struct LogEvent {
  std::string_view kind;  // a literal: "arrival"; "" where there is nothing but a line
  std::string text;       // without time stamp and line end; a message id is its first word
  std::vector<LogFact> facts;
  std::vector<std::string> header;  // lines below it in the reject log only

  LogEvent() = default;
  explicit LogEvent(std::string_view k) : kind(k) {}

  // What stands in the line only: the words between facts.
  LogEvent& Say(std::string_view words) {
    text += words;
    return *this;
  }
  // A fact that the line says in other words.
  template <typename T>
  LogEvent& Note(std::string_view name, T value) {
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      facts.push_back({name, static_cast<std::int64_t>(value)});
    } else if constexpr (std::is_convertible_v<T, std::string_view>) {
      facts.push_back({name, std::string(value)});
    } else {
      facts.push_back({name, std::move(value)});
    }
    return *this;
  }
  // `before` and the value.
  LogEvent& Field(std::string_view before, std::string_view name, std::string_view value) {
    return Say(before).Say(value).Note(name, value);
  }
  LogEvent& Field(std::string_view before, std::string_view name, std::int64_t value) {
    return Say(before).Say(std::to_string(value)).Note(name, value);
  }
};

}  // namespace signet
#endif
