#include "src/facts/trace.h"

#include <array>
#include <utility>

namespace signet::facts {
namespace {

using Kind = TraceStep::Kind;
using Outcome = TraceStep::Outcome;

constexpr std::array<std::string_view, 12> kKinds = {
    "command",    "tls",    "certificate", "check",     "authenticator", "option",
    "expression", "lookup", "acl",         "statement", "condition",     "note"};
constexpr std::array<std::string_view, 5> kOutcomes = {"none", "yes", "no", "later", "failed"};

constexpr std::size_t kUsual = 48;  // steps between a client's words, mostly fewer

std::size_t SizeOf(const TraceStep& step) {
  return sizeof step + step.what.size() + step.value.size() + step.from.size() + step.query.size() +
         step.place.size();
}

// Of one text; a directory may answer a mebibyte.
void Shorten(std::string* text) {
  if (text->size() <= limits::kTraceTextBytes) return;
  const std::size_t more = text->size() - limits::kTraceTextBytes;
  text->resize(limits::kTraceTextBytes);
  *text += "... (" + std::to_string(more) + " octets more)";
}

}  // namespace

std::string_view NameOf(TraceStep::Kind kind) { return kKinds[static_cast<std::size_t>(kind)]; }
std::string_view NameOf(TraceStep::Outcome outcome) {
  return kOutcomes[static_cast<std::size_t>(outcome)];
}

void Trace::Hide(TraceStep* step) const {
  if (discreet() && !(step->value.empty() && step->query.empty())) {
    step->hidden = true;
    step->value.clear();
    step->query.clear();
  }
  Shorten(&step->value);
  Shorten(&step->query);
  Shorten(&step->what);
}

// What tells the rest apart is kept whatever came before it; there is little of it.
bool Trace::Fits(const TraceStep& step) {
  // Growing step by step would move them all several times.
  if (steps_.capacity() == 0) steps_.reserve(kUsual);
  const bool kept = step.kind == Kind::kCommand || step.kind == Kind::kAuthenticator;
  const std::size_t size = SizeOf(step);
  if (steps_.size() >= limits::kTraceSteps * (kept ? 2 : 1) || (size > bytes_left_ && !kept)) {
    ++dropped_;
    return false;
  }
  bytes_left_ -= size < bytes_left_ ? size : bytes_left_;
  return true;
}

void Trace::Add(TraceStep step) {
  Hide(&step);
  step.depth = depth_;
  if (Fits(step)) steps_.push_back(std::move(step));
}

std::size_t Trace::Begin(TraceStep step) {
  Hide(&step);
  step.depth = depth_++;
  if (!Fits(step)) return kDropped;
  steps_.push_back(std::move(step));
  return steps_.size() - 1;
}

void Trace::End(std::size_t id, Outcome outcome, std::string_view value, std::string_view from) {
  --depth_;
  TraceStep* step = At(id);
  if (step == nullptr) return;
  step->outcome = outcome;
  // What the step has said of itself meanwhile stays where there is nothing to say now.
  if (!value.empty()) step->value = value;
  if (!from.empty()) step->from = from;
  Hide(step);
  const std::size_t size = step->value.size() + step->from.size();
  bytes_left_ -= size < bytes_left_ ? size : bytes_left_;
}

TraceStep* Trace::At(std::size_t id) { return id < steps_.size() ? &steps_[id] : nullptr; }

void Trace::TakeBack(std::size_t id) {
  if (id < steps_.size()) steps_.resize(id);
}

}  // namespace signet::facts
