#ifndef SIGNET_TEST_SUPPORT_TRACE_DUMP_H_
#define SIGNET_TEST_SUPPORT_TRACE_DUMP_H_

#include <string>

#include "src/facts/trace.h"

namespace signet::test {

// A trace as text, one step a line, two blanks for each level:
//
//   KIND OUTCOME WHAT [QUERY] = VALUE (FROM) @PLACE
//
// without what is empty; a hidden value is "***".
inline std::string Dump(const facts::Trace& trace, bool places = false) {
  std::string text;
  for (const facts::TraceStep& step : trace.steps()) {
    text.append(2 * step.depth, ' ');
    text += facts::NameOf(step.kind);
    if (step.outcome != facts::TraceStep::Outcome::kNone)
      text += ' ' + std::string(facts::NameOf(step.outcome));
    text += ' ' + step.what;
    if (!step.query.empty()) text += " [" + step.query + ']';
    if (step.hidden) text += " = ***";
    if (!step.hidden && !step.value.empty()) text += " = " + step.value;
    if (!step.from.empty()) text += " (" + step.from + ')';
    if (places && !step.place.empty()) text += " @" + step.place;
    text += '\n';
  }
  return text;
}

// All texts of a trace, one after the other, to look for what must not be in it.
inline std::string AllTextOf(const facts::Trace& trace) {
  std::string text;
  for (const facts::TraceStep& step : trace.steps())
    for (const std::string* part : {&step.what, &step.value, &step.from, &step.query, &step.place})
      text += *part + '\n';
  return text;
}

}  // namespace signet::test
#endif
