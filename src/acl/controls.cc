#include "src/acl/controls.h"

#include <algorithm>
#include <optional>

#include "src/acl/parts.h"
#include "src/acl/rules.h"
#include "src/acl/run.h"
#include "src/base/codes.h"
#include "src/base/log.h"
#include "src/base/text.h"

namespace signet::acl {
namespace {

using config::AclWhen;
using Parts = std::vector<Part>;

std::string Quoted(std::string_view text) { return '"' + Printable(text) + '"'; }

constexpr Places kBeforeData = At(AclWhen::kMail) | At(AclWhen::kRcpt) | At(AclWhen::kPredata);
constexpr Places kMessage = kBeforeData | At(AclWhen::kData);

// Each says why its options are not good, or "".
std::string NoOptions(const Parts& parts) {
  return parts.size() == 1 ? "" : Quoted(parts[0].text) + " has no options";
}

std::string CheckSubmission(const Parts& parts) {
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const Part& part = parts[i];
    if (!part.known) continue;
    if (!IsWord(part, "sender_retain") && !OptionOf(part, "domain=") && !OptionOf(part, "name="))
      return "\"sender_retain\", \"domain=\" or \"name=\" expected, found " + Quoted(part.text);
  }
  return "";
}

std::string AnyOptions(const Parts&) { return ""; }

// --- what they do ------------------------------------------------------------------------------

void Submission(const Parts& parts, facts::Session& session) {
  facts::Controls& controls = session.envelope.controls;
  controls.submission = true;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (IsWord(parts[i], "sender_retain")) controls.submission_sender_retain = true;
    if (const auto domain = OptionOf(parts[i], "domain=")) {
      controls.submission_has_domain = true;
      controls.submission_domain = *domain;
    }
    if (const auto name = OptionOf(parts[i], "name=")) controls.submission_name = *name;
  }
}

void SuppressFixups(const Parts&, facts::Session& session) {
  session.envelope.controls.suppress_local_fixups = true;
}

// The text may hold slashes.
std::string TextBehind(const Parts& parts) {
  std::string text;
  for (std::size_t i = 1; i < parts.size(); ++i) text += (i > 1 ? "/" : "") + parts[i].text;
  return text;
}
void FakeReject(const Parts& parts, facts::Session& session) {
  facts::Controls& controls = session.envelope.controls;
  controls.fake_reject = true;
  controls.fake_defer = false;
  controls.fake_text = TextBehind(parts);
}
void FakeDefer(const Parts& parts, facts::Session& session) {
  FakeReject(parts, session);
  session.envelope.controls.fake_reject = false;
  session.envelope.controls.fake_defer = true;
}

template <bool kEnforce>
void Sync(const Parts&, facts::Session& session) {
  session.controls.enforce_sync = kEnforce;
}
template <bool facts::ConnectionControls::*kMember>
void Set(const Parts&, facts::Session& session) {
  session.controls.*kMember = true;
}
void Nothing(const Parts&, facts::Session&) {}

// --- the table -----------------------------------------------------------------------------------

enum class Kind : std::uint8_t {
  kWorks,
  kNeedless,  // asks for what happens anyway, or switches off what is not there: a warning
  kRefused,   // what it asks for cannot be had: an error
};
struct Row {
  std::string_view name;
  Kind kind = Kind::kWorks;
  Places places = kEverywhere;
  std::string (*check)(const Parts& parts) = &AnyOptions;
  void (*run)(const Parts& parts, facts::Session& session) = &Nothing;
  std::string_view why;  // not kWorks
};

constexpr std::string_view kNoQueue =
    "there is no queue: a message is passed on while its client waits";
constexpr std::string_view kLetterCase =
    "local parts are passed on as typed, and lists tell capitals behind \"+caseful\"";
using facts::ConnectionControls;
// clang-format off
constexpr Row kRows[] = {
  // name                    kind             places        options           does
  {"allow_auth_unadvertised", Kind::kRefused,  kEverywhere,  &AnyOptions,      &Nothing,        "AUTH is only taken where it was offered; see auth_advertise_hosts"},
  {"caseful_local_part",     Kind::kNeedless, kEverywhere,  &AnyOptions,      &Nothing,        kLetterCase},
  {"caselower_local_part",   Kind::kNeedless, kEverywhere,  &AnyOptions,      &Nothing,        kLetterCase},
  {"cutthrough_delivery",    Kind::kNeedless, kEverywhere,  &AnyOptions,      &Nothing,        "every message is passed on while its client waits"},
  {"debug",                  Kind::kNeedless, kEverywhere,  &AnyOptions,      &Nothing,        "there is no debug log; use logwrite"},
  {"dkim_disable_verify",    Kind::kNeedless, kEverywhere,  &AnyOptions,      &Nothing,        "signatures are not verified"},
  {"dmarc_disable_verify",   Kind::kNeedless, kEverywhere,  &AnyOptions,      &Nothing,        "DMARC is not verified"},
  {"dmarc_enable_forensic",  Kind::kNeedless, kEverywhere,  &AnyOptions,      &Nothing,        "DMARC is not verified"},
  {"dscp",                   Kind::kNeedless, kEverywhere,  &AnyOptions,      &Nothing,        "packets are not marked"},
  {"enforce_sync",           Kind::kWorks,    kEverywhere,  &NoOptions,       &Sync<true>,     ""},
  {"fakedefer",              Kind::kWorks,    kMessage,     &AnyOptions,      &FakeDefer,      ""},
  {"fakereject",             Kind::kWorks,    kMessage,     &AnyOptions,      &FakeReject,     ""},
  {"freeze",                 Kind::kRefused,  kEverywhere,  &AnyOptions,      &Nothing,        kNoQueue},
  {"no_callout_flush",       Kind::kWorks,    kEverywhere,  &NoOptions,       &Set<&ConnectionControls::no_callout_flush>, ""},
  {"no_delay_flush",         Kind::kWorks,    kEverywhere,  &NoOptions,       &Set<&ConnectionControls::no_delay_flush>, ""},
  {"no_enforce_sync",        Kind::kWorks,    kEverywhere,  &NoOptions,       &Sync<false>,    ""},
  {"no_mbox_unspool",        Kind::kNeedless, kEverywhere,  &AnyOptions,      &Nothing,        "nothing is unspooled"},
  {"no_multiline_responses", Kind::kWorks,    kEverywhere,  &NoOptions,       &Set<&ConnectionControls::no_multiline_responses>, ""},
  {"no_pipelining",          Kind::kWorks,    kEverywhere,  &NoOptions,       &Set<&ConnectionControls::no_pipelining>, ""},
  {"queue",                  Kind::kRefused,  kEverywhere,  &AnyOptions,      &Nothing,        kNoQueue},
  {"queue_only",             Kind::kRefused,  kEverywhere,  &AnyOptions,      &Nothing,        kNoQueue},
  {"submission",             Kind::kWorks,    kBeforeData,  &CheckSubmission, &Submission,     ""},
  {"suppress_local_fixups",  Kind::kWorks,    kBeforeData,  &NoOptions,       &SuppressFixups, ""},
  {"utf8_downconvert",       Kind::kRefused,  kEverywhere,  &AnyOptions,      &Nothing,        "addresses are passed on as they are"},
};
// clang-format on

const Row* FindControl(std::string_view name) {
  for (const Row& row : kRows)
    if (row.name == name) return &row;
  return nullptr;
}

std::string Unknown(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Row& row : kRows) names.push_back(row.name);
  const std::string_view near = SuggestName(name, names);
  return "unknown control " + Quoted(name) +
         (near.empty() ? "" : "; did you mean " + Quoted(near) + "?");
}

std::string Misplaced(const Row& row, AclWhen when) {
  if ((row.places & At(when)) != 0) return "";
  return "cannot use \"control = " + std::string(row.name) + "\" in " +
         std::string(PlaceOf(when).name) + " ACL";
}

void Warn(SourceSpan span, std::string message, std::string_view code,
          const CheckContext& context) {
  context.diagnostics->push_back({Severity::kWarning, span, std::move(message), "", {}, code});
}

void CheckParts(const Item& item, const Parts& parts, const Row& row, const CheckContext& context) {
  const std::string control = "\"control = " + std::string(row.name) + "\"";
  const SourceSpan all = item.argument.span;
  const SourceSpan name = all.Part(parts[0].from, parts[0].to);
  if (row.kind == Kind::kRefused)
    return context.Error(name, control + " is not possible: " + std::string(row.why));
  if (row.kind == Kind::kNeedless)
    return Warn(name, control + " has no meaning here: " + std::string(row.why), code::kNoMeaning,
                context);
  const std::string wrong = row.check(parts);
  if (!wrong.empty() && parts.size() > 1)
    return context.Error(all.Part(parts[1].from, parts.back().to), wrong);
  if (row.name == "no_enforce_sync")
    Warn(name,
         "clients that speak before their turn are let in where this control is set (weakens rule "
         "S8)",
         code::kWeakSetting, context);
}

}  // namespace

void CheckControl(const Item& item, const CheckContext& context) {
  const Parts parts = SplitSource(item.argument.span.view());
  if (!parts[0].known) return;
  const Row* row = FindControl(parts[0].text);
  if (row != nullptr) return CheckParts(item, parts, *row, context);
  context.Error(item.argument.span.Part(parts[0].from, parts[0].to), Unknown(parts[0].text));
}

std::string ControlMisplaced(std::string_view argument, AclWhen when) {
  const Row* row = FindControl(SplitSource(argument)[0].text);
  return row == nullptr ? "" : Misplaced(*row, when);
}

Answer RunControl(const Item&, const Value& value, Run& run) {
  const Parts parts = SplitValue(value);
  const auto wrong = [](std::string why) {
    return Answer{.kind = Answer::kError, .log_text = std::move(why)};
  };
  if (parts[0].ours != parts[0].text.size())
    return wrong("text from outside says what \"control\" does");
  const Row* row = FindControl(parts[0].text);
  if (row == nullptr) return wrong(Unknown(parts[0].text));
  if (row->kind == Kind::kRefused)
    return wrong("\"control = " + std::string(row->name) +
                 "\" is not possible: " + std::string(row->why));
  if (std::string why = Misplaced(*row, run.when); !why.empty()) return wrong(std::move(why));
  if (std::string why = row->check(parts); !why.empty()) return wrong(std::move(why));
  row->run(parts, run.effects.session());
  return {};
}

std::vector<std::string_view> AllControls() {
  std::vector<std::string_view> names;
  for (const Row& row : kRows)
    if (row.kind == Kind::kWorks) names.push_back(row.name);
  return names;
}

}  // namespace signet::acl
