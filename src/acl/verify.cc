#include "src/acl/verify.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "expand/mailbox.h"
#include "src/acl/address_list.h"
#include "src/acl/host_name.h"
#include "src/acl/modifiers.h"
#include "src/acl/parts.h"
#include "src/acl/rules.h"
#include "src/acl/run.h"
#include "src/base/codes.h"
#include "src/base/log.h"
#include "src/base/text.h"

namespace signet::acl {
namespace {

using config::AclWhen;
using facts::HostLookup;

std::string Quoted(std::string_view text) { return '"' + Printable(text) + '"'; }

Answer Yes() { return {}; }
Answer No(std::string user_text, std::string log_text = "") {
  if (log_text.empty()) log_text = user_text;
  return {.kind = Answer::kFalse,
          .user_text = std::move(user_text),
          .log_text = std::move(log_text),
          .user_origins = kFromClient};
}
Answer Later(std::string log_text) {
  return {.kind = Answer::kDefer, .log_text = std::move(log_text)};
}
Answer Wrong(std::string log_text) {
  return {.kind = Answer::kError, .log_text = std::move(log_text)};
}

// --- arguments ---------------------------------------------------------------------------------

struct Row;
struct Wanted {
  const Row* row = nullptr;
  std::optional<std::string> address;  // sender=ADDRESS
  bool callout = false, use_sender = false;
  bool defer_ok = false, callout_defer_ok = false;
  bool details = true, any_case = false;
};

enum Options : std::uint8_t { kNoOptions = 0, kDeferOk = 1, kAddressOptions = 2, kAnyCase = 4 };
struct Row {
  std::string_view name;
  Places places;
  std::uint8_t options;
  Answer (*run)(const Wanted& argument, Run& run);
};
extern const std::vector<Row> kRows;

struct Mistake {
  std::string text;
  std::size_t from = 0, to = 0;
  bool warning = false;
};
Mistake About(const Part& part, std::string text, bool warning = false) {
  return {std::move(text), part.from, part.to, warning};
}

const Row* FindVerify(std::string_view name) {
  for (const Row& row : kRows)
    if (row.name == name) return &row;
  return nullptr;
}

Mistake Unknown(const Part& part) {
  std::vector<std::string_view> names;
  std::string all;
  for (const Row& row : kRows) {
    names.push_back(row.name);
    all += (all.empty() ? "" : ", ") + std::string(row.name);
  }
  if (part.text == "csa") return About(part, "\"csa\" is not supported: it needs the DNS's SRV");
  const std::string_view near = SuggestName(part.text, names);
  return About(part,
               near.empty()
                   ? "one of " + all + " expected behind \"verify\", found " + Quoted(part.text)
                   : "cannot verify " + Quoted(part.text) + "; did you mean " + Quoted(near) + "?");
}

// What stands behind "callout=", with commas between.
std::optional<Mistake> TakeCallout(const Part& part, std::string_view options, Wanted* read) {
  constexpr std::string_view kIgnored[] = {"hold", "no_cache"};
  constexpr std::string_view kTimes[] = {"connect=", "maxwait="};
  constexpr std::string_view kMissing[] = {"fullpostmaster", "postmaster", "random",
                                           "use_postmaster", "mailfrom=",  "postmaster_mailfrom="};
  read->callout = true;
  while (!options.empty()) {
    const std::size_t comma = std::min(options.find(','), options.size());
    const std::string_view option = Trim(options.substr(0, comma));
    options.remove_prefix(std::min(comma + 1, options.size()));
    const auto is = [&](std::string_view name) {
      return name.ends_with('=') ? option.starts_with(name) : option == name;
    };
    if (option == "defer_ok") {
      read->callout_defer_ok = true;
    } else if (option == "use_sender") {
      read->use_sender = true;
    } else if (std::any_of(std::begin(kIgnored), std::end(kIgnored), is) || ParseTime(option) ||
               std::any_of(std::begin(kTimes), std::end(kTimes), is)) {
      return About(part,
                   Quoted(option) +
                       " has no meaning here: the times are the transport's, "
                       "and answers are not kept",
                   true);
    } else if (std::any_of(std::begin(kMissing), std::end(kMissing), is)) {
      return About(part, "callout option " + Quoted(option) + " is not supported");
    } else {
      return About(part, "unknown callout option " + Quoted(option));
    }
  }
  return std::nullopt;
}

std::optional<Mistake> TakeOption(const Part& part, Wanted* read) {
  const std::uint8_t allowed = read->row->options;
  if (part.ours != part.text.size())
    return About(part, "text from outside among the options of \"verify\"");
  if ((allowed & kDeferOk) != 0 && IsWord(part, "defer_ok")) {
    read->defer_ok = true;
  } else if ((allowed & kAddressOptions) != 0 && IsWord(part, "callout")) {
    read->callout = true;
  } else if (const auto callout = OptionOf(part, "callout=");
             callout && (allowed & kAddressOptions) != 0) {
    return TakeCallout(part, *callout, read);
  } else if ((allowed & kAddressOptions) != 0 && IsWord(part, "no_details")) {
    read->details = false;
  } else if ((allowed & kAddressOptions) != 0 && IsWord(part, "success_on_redirect")) {
    return About(part, "\"success_on_redirect\" has no meaning here: no address is redirected",
                 true);
  } else if ((allowed & kAnyCase) != 0 && IsWord(part, "case_insensitive")) {
    read->any_case = true;
  } else if (allowed == kNoOptions) {
    return About(part, "\"verify = " + std::string(read->row->name) + "\" has no options, found " +
                           Quoted(part.text));
  } else {
    return About(part, "unknown option " + Quoted(part.text) +
                           " of \"verify = " + std::string(read->row->name) + '"');
  }
  return std::nullopt;
}

// Every mistake; the last may be a warning.
std::vector<Mistake> Read(const std::vector<Part>& parts, Wanted* read) {
  std::vector<Mistake> mistakes;
  const Part& first = parts.front();
  std::string_view name = first.text;
  if (const auto address = OptionOf(first, "sender=")) {
    name = "sender";
    read->address = std::string(*address);
  } else if (first.known && first.ours != first.text.size()) {
    return {About(first, "text from outside says what to verify")};
  }
  read->row = FindVerify(name);
  if (read->row == nullptr) {
    if (first.known) mistakes.push_back(Unknown(first));
    return mistakes;
  }
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (!parts[i].known) continue;
    if (auto mistake = TakeOption(parts[i], read)) mistakes.push_back(std::move(*mistake));
  }
  return mistakes;
}

std::string Misplaced(const Row& row, AclWhen when) {
  if ((row.places & At(when)) != 0) return "";
  return "cannot verify " + Quoted(row.name) + " in " + std::string(PlaceOf(when).name) + " ACL";
}

// --- the client --------------------------------------------------------------------------------

Answer Certificate(const Wanted&, Run& run) {
  if (run.session().tls.active && run.session().tls.verified) return Yes();
  return {.kind = Answer::kFalse,
          .user_text = "no verified certificate",
          .log_text = "no verified certificate"};
}

Answer FromHost(HostLookup found, bool defer_ok, std::string_view what) {
  if (found == HostLookup::kFound) return Yes();
  const std::string text(what);
  if (found == HostLookup::kLater)
    return defer_ok ? Yes() : Later(text + ": the resolver cannot tell now");
  return {.kind = Answer::kFalse, .user_text = text, .log_text = text};
}

Answer Helo(const Wanted& argument, Run& run) {
  const HostLookup found = VerifyHelo(run.effects);
  run.effects.session().helo_verified = found == HostLookup::kFound;
  return FromHost(found, argument.defer_ok, "the EHLO name is not that of the client's host");
}

Answer ReverseHostLookup(const Wanted& argument, Run& run) {
  return FromHost(FindHostName(run.effects), argument.defer_ok, "host lookup failed");
}

// --- addresses ---------------------------------------------------------------------------------

Answer FromAddress(const VerifyAnswer& found, const Wanted& argument,
                   const std::string& default_text) {
  const bool may_defer = argument.defer_ok || (argument.callout && argument.callout_defer_ok);
  switch (found.kind) {
    case VerifyAnswer::kYes:
      return Yes();
    case VerifyAnswer::kLater:
      return may_defer ? Yes() : Later(found.log_text);
    case VerifyAnswer::kNo:
      break;
  }
  std::string text = found.user_text.empty() || !argument.details ? default_text : found.user_text;
  return No(std::move(text), found.log_text);
}

VerifyAnswer VerifyParts(const std::string& local_part, const std::string& domain,
                         const Wanted& argument, const std::string& mail_from, Run& run) {
  VerifyRequest request;
  request.local_part = local_part;
  request.domain = domain;
  request.call_forward = argument.callout;
  request.mail_from = mail_from;
  return run.effects.VerifyAddress(request);
}

std::string Unquote(std::string_view local_part) {
  if (local_part.size() < 2 || local_part.front() != '"') return std::string(local_part);
  std::string text;
  for (std::size_t i = 1; i + 1 < local_part.size(); ++i) {
    if (local_part[i] == '\\' && i + 2 < local_part.size()) ++i;
    text += local_part[i];
  }
  return text;
}

// The null sender is good; whether a host takes mail for it is a question without meaning.
Answer Sender(const Wanted& argument, Run& run) {
  const facts::Envelope& envelope = run.session().envelope;
  if (!argument.address) {
    if (envelope.sender.empty()) return Yes();
    return FromAddress(
        VerifyParts(envelope.sender_local_part, envelope.sender_domain, argument, "", run),
        argument, "Sender verify failed");
  }
  if (Trim(*argument.address).empty()) return Yes();
  const auto mailbox = expand::ParseMailbox(*argument.address);
  if (!mailbox || mailbox->domain.empty())
    return No("Sender verify failed", "malformed address " + Quoted(*argument.address));
  return FromAddress(VerifyParts(Unquote(mailbox->local_part), mailbox->domain, argument, "", run),
                     argument, "Sender verify failed");
}

Answer Recipient(const Wanted& argument, Run& run) {
  const facts::Envelope& envelope = run.session().envelope;
  return FromAddress(VerifyParts(envelope.current.local_part, envelope.current.domain, argument,
                                 argument.use_sender ? envelope.sender : "", run),
                     argument, "Unrouteable address");
}

// --- the header --------------------------------------------------------------------------------

bool IsOneOf(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(),
                     [name](std::string_view one) { return EqualsIgnoreCase(name, one); });
}

Answer HeaderSyntax(const Wanted&, Run& run) {
  for (const facts::HeaderField& field : run.session().envelope.headers) {
    const std::string name(NameOf(field));
    if (!IsOneOf(name, {"From", "To", "Cc", "Bcc", "Reply-To", "Sender"})) continue;
    const std::string_view value = ValueOf(field);
    // Bcc may be empty, and the others are with some who write to nobody in particular.
    if (Trim(value).empty() && !IsOneOf(name, {"From", "Sender"})) continue;
    std::string wrong = ReadAddressList(value).wrong;
    if (!wrong.empty()) return No("malformed " + name + " field: " + wrong);
  }
  return Yes();
}

Answer HeaderNamesAscii(const Wanted&, Run& run) {
  for (const facts::HeaderField& field : run.session().envelope.headers)
    for (char c : NameOf(field))
      if (c <= ' ' || c > '~')
        return No("invalid character in the name of a header field: " +
                  Printable(NameOf(field).substr(0, 60)));
  return Yes();
}

// Whether one of the addresses that answer for the message can be verified.
Answer HeaderSender(const Wanted& argument, Run& run) {
  constexpr std::size_t kAddressesAsked = 10;
  std::size_t asked = 0;
  Answer last = No("there is no valid sender in any header field");
  for (const std::string_view wanted : {"Sender", "Reply-To", "From"})
    for (const facts::HeaderField& field : run.session().envelope.headers) {
      if (!EqualsIgnoreCase(NameOf(field), wanted)) continue;
      const AddressList list = ReadAddressList(ValueOf(field));
      if (!list.wrong.empty())
        return No("malformed " + std::string(wanted) + " field: " + list.wrong);
      for (const HeaderMailbox& mailbox : list.mailboxes) {
        if (++asked > kAddressesAsked) return last;
        Answer answer =
            FromAddress(VerifyParts(mailbox.local_part, mailbox.domain, argument, "", run),
                        argument, "there is no valid sender in any header field");
        if (answer.kind != Answer::kFalse) return answer;
        last = std::move(answer);
      }
    }
  return last;
}

// Whether every recipient is named in To or Cc.
Answer NotBlind(const Wanted& argument, Run& run) {
  std::vector<std::string> named;
  for (const facts::HeaderField& field : run.session().envelope.headers) {
    if (!IsOneOf(NameOf(field), {"To", "Cc"})) continue;
    for (const HeaderMailbox& mailbox : ReadAddressList(ValueOf(field)).mailboxes)
      named.push_back((argument.any_case ? Lower(mailbox.local_part) : mailbox.local_part) + '@' +
                      Lower(mailbox.domain));
  }
  std::sort(named.begin(), named.end());
  for (const facts::Recipient& recipient : run.session().envelope.recipients) {
    const std::string local =
        argument.any_case ? Lower(recipient.local_part) : recipient.local_part;
    if (!std::binary_search(named.begin(), named.end(), local + '@' + Lower(recipient.domain)))
      return No("bcc recipient detected");
  }
  return Yes();
}

constexpr Places kMessage =
    At(AclWhen::kMail) | At(AclWhen::kRcpt) | At(AclWhen::kPredata) | At(AclWhen::kData);

// clang-format off
const std::vector<Row> kRows = {
  {"certificate",         kEverywhere,        kNoOptions,                 &Certificate},
  {"header_names_ascii",  At(AclWhen::kData), kNoOptions,                 &HeaderNamesAscii},
  {"header_sender",       At(AclWhen::kData), kAddressOptions | kDeferOk, &HeaderSender},
  {"header_syntax",       At(AclWhen::kData), kNoOptions,                 &HeaderSyntax},
  {"helo",                kEverywhere & ~At(AclWhen::kConnect), kDeferOk, &Helo},
  {"not_blind",           At(AclWhen::kData), kAnyCase,                   &NotBlind},
  {"recipient",           At(AclWhen::kRcpt), kAddressOptions | kDeferOk, &Recipient},
  {"reverse_host_lookup", kEverywhere,        kDeferOk,                   &ReverseHostLookup},
  {"sender",              kMessage,           kAddressOptions | kDeferOk, &Sender},
};
// clang-format on

}  // namespace

void CheckVerify(const Item& item, const CheckContext& context) {
  Wanted read;
  for (const Mistake& mistake : Read(SplitSource(item.argument.span.view()), &read)) {
    const SourceSpan span = item.argument.span.Part(mistake.from, mistake.to);
    if (mistake.warning)
      context.diagnostics->push_back(
          {Severity::kWarning, span, mistake.text, "", {}, code::kNoMeaning});
    else
      context.Error(span, mistake.text);
  }
}

std::string VerifyMisplaced(std::string_view argument, AclWhen when) {
  Wanted read;
  (void)Read(SplitSource(argument), &read);
  return read.row == nullptr ? "" : Misplaced(*read.row, when);
}

Answer RunVerify(const Item&, const Value& value, Run& run) {
  Wanted read;
  for (const Mistake& mistake : Read(SplitValue(value), &read))
    if (!mistake.warning) return Wrong(mistake.text);
  if (std::string why = Misplaced(*read.row, run.when); !why.empty()) return Wrong(why);
  return read.row->run(read, run);
}

std::vector<std::string_view> AllVerifyItems() {
  std::vector<std::string_view> names;
  for (const Row& row : kRows) names.push_back(row.name);
  return names;
}

Answer RunHeaderFrom(const Item& item, const Value&, Run& run) {
  const facts::Envelope& envelope = run.session().envelope;
  Authors authors;
  // Tables of character sets, for encoded words, are read from disk.
  run.context.services.RunBlocking(
      [&] { authors = AuthorsOf(envelope.headers, envelope.smtputf8); });
  if (!authors.wrong.empty()) return No(authors.wrong);
  std::sort(authors.addresses.begin(), authors.addresses.end());
  authors.addresses.erase(std::unique(authors.addresses.begin(), authors.addresses.end()),
                          authors.addresses.end());
  for (const std::string& address : authors.addresses) {
    Answer answer = run.Match(item, address);
    if (answer.kind == Answer::kTrue) continue;
    if (answer.kind != Answer::kFalse) return answer;
    return No(Printable(address) + " is not authorized as author of the message");
  }
  return Yes();
}

}  // namespace signet::acl
