#include "src/smtp/fixups.h"

#include <algorithm>

#include "expand/header_value.h"
#include "expand/mailbox.h"
#include "src/base/charset.h"
#include "src/base/text.h"
#include "src/smtp/parse.h"
#include "src/smtp/received.h"

namespace signet::smtp {
namespace {

using facts::AuthResult;

bool Has(const Header& header, std::string_view name) {
  return !expand::FieldBodies(header, name).empty();
}

// Above what the client sent, which a signature may cover from below.
void Add(const std::string& text, Header* header) {
  AddField(MakeField(HeaderLines(text)), facts::HeaderPlace::kAfterReceived, header);
}

const std::string& QualifyDomain(const facts::Session& session, const config::Main& main) {
  return main.qualify_domain.empty() ? session.primary_hostname : main.qualify_domain;
}

// `text` as an address by the grammar of the session, or "".
std::string Checked(const std::string& text) {
  std::string_view rest;
  const Result<Address, AddressError> address = ParsePath('<' + text + '>', &rest);
  const bool whole = address && rest.empty() && !address.value().domain.empty();
  return whole ? address.value().Text() : "";
}

std::string WithName(const facts::Controls& controls, const std::string& address) {
  if (controls.submission_name.empty()) return address;
  return DisplayName(controls.submission_name) + " <" + address + '>';
}

// Whether From is that address and nothing else.
bool FromIs(const std::string& address, const Header& header) {
  std::vector<std::string> found;
  for (std::string_view body : expand::FieldBodies(header, "From"))
    for (std::string& one : expand::ParseMailboxList(body)) found.push_back(std::move(one));
  return found.size() == 1 && EqualsIgnoreCase(found.front(), address);
}

// From and Sender, for `control = submission`.
void CheckOriginator(const facts::Session& session, const config::Main& main, Header* header) {
  const facts::Controls& controls = session.envelope.controls;
  const std::string submitter = SubmitterAddress(session, main);
  if (!Has(*header, "From")) {
    const std::string& from = submitter.empty() ? session.envelope.sender : submitter;
    if (!from.empty()) Add("From: " + WithName(controls, from), header);
  }
  if (controls.submission_sender_retain || Has(*header, "Sender")) return;
  if (!submitter.empty() && !FromIs(submitter, *header))
    Add("Sender: " + WithName(controls, submitter), header);
}

}  // namespace

std::string DisplayName(std::string_view name) {
  std::string text;
  for (char c : name) text += IsControl(c) ? ' ' : c;
  if (std::any_of(text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; }))
    return EncodeWords(text);
  constexpr std::string_view kAtoms = "!#$%&'*+-/=?^_`{|}~ ";
  const bool plain = std::all_of(text.begin(), text.end(), [&](char c) {
    return IsAlnum(c) || kAtoms.find(c) != kAtoms.npos;
  });
  if (plain && text == Trim(text)) return text;
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string SubmitterAddress(const facts::Session& session, const config::Main& main) {
  if (session.auth.result != AuthResult::kAuthenticated || session.auth.id.empty()) return "";
  const facts::Controls& controls = session.envelope.controls;
  const std::string& id = session.auth.id;
  const bool whole =
      controls.submission_has_domain ? controls.submission_domain.empty() : id.find('@') != id.npos;
  if (whole) return Checked(id);
  const std::string& domain =
      controls.submission_has_domain ? controls.submission_domain : QualifyDomain(session, main);
  return Checked(Address{.local_part = id, .domain = domain}.Text());
}

void RemoveSender(const facts::Session& session, Header* header) {
  const facts::Controls& controls = session.envelope.controls;
  const bool removes =
      controls.submission && !controls.submission_sender_retain && !controls.suppress_local_fixups;
  std::erase_if(*header, [&](const facts::HeaderField& field) {
    return removes && EqualsIgnoreCase(field.name, "Sender");
  });
}

void CompleteHeader(const facts::Session& session, const config::Main& main, Header* header) {
  const facts::Controls& controls = session.envelope.controls;
  const bool authenticated = session.auth.result == AuthResult::kAuthenticated;
  const bool complete = controls.submission || (main.complete_submissions && authenticated);
  if (!complete || controls.suppress_local_fixups) return;
  if (controls.submission) CheckOriginator(session, main, header);
  if (!Has(*header, "Date")) Add("Date: " + MailDate(session.envelope.received), header);
  if (!Has(*header, "Message-ID"))
    Add("Message-ID: <E" + session.envelope.message_id + '@' + session.primary_hostname + '>',
        header);
}

}  // namespace signet::smtp
