#include "src/submit/message.h"

#include <algorithm>
#include <array>
#include <optional>

#include "expand/mailbox.h"
#include "src/base/charset.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/smtp/message_id.h"
#include "src/smtp/received.h"

namespace signet::submit {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t'; }
bool IsAbove127(char c) { return (c & 0x80) != 0; }
bool HasAbove127(std::string_view text) {
  return std::any_of(text.begin(), text.end(), IsAbove127);
}

std::vector<std::string> SplitLines(std::string_view input, DotLine dot_line) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < input.size();) {
    const std::size_t end = std::min(input.find_first_of("\r\n", at), input.size());
    const std::string_view line = input.substr(at, end - at);
    if (dot_line == DotLine::kEnds && line == ".") break;
    lines.emplace_back(line);
    at = end + (input.substr(end).starts_with("\r\n") ? 2 : 1);
  }
  return lines;
}

// --- fields ------------------------------------------------------------------------------

// A field of the header: its name, and its lines with the name on the first.
struct Field {
  std::string name;
  std::vector<std::string> lines;

  bool Is(std::string_view other) const { return EqualsIgnoreCase(name, other); }
  std::string Value() const {
    std::string value = lines[0].substr(lines[0].find(':') + 1);
    for (std::size_t i = 1; i < lines.size(); ++i) value += lines[i];
    return value;
  }
};

std::string_view NameOf(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() && line[end] > ' ' && line[end] < 0x7f && line[end] != ':') ++end;
  if (end == 0 || end == line.size() || line[end] != ':') return {};
  return line.substr(0, end);
}

// The fields at the front of `lines`; `*body` gets where the body begins.
std::vector<Field> ReadHeader(const std::vector<std::string>& lines, std::size_t* body) {
  std::vector<Field> fields;
  std::size_t at = 0;
  if (!lines.empty() && lines[0].starts_with("From ")) ++at;
  for (; at < lines.size() && !lines[at].empty(); ++at) {
    const std::string& line = lines[at];
    if (IsBlank(line[0]) && !fields.empty()) {
      fields.back().lines.push_back(line);
      continue;
    }
    const std::string_view name = NameOf(line);
    if (name.empty()) break;  // text without a blank line in front of it
    fields.push_back({std::string(name), {line}});
  }
  *body = at < lines.size() && lines[at].empty() ? at + 1 : at;
  return fields;
}

const Field* Find(const std::vector<Field>& fields, std::string_view name) {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.Is(name); });
  return found == fields.end() ? nullptr : &*found;
}

bool HoldsAddresses(const Field& field) {
  static constexpr std::string_view kNames[] = {
      "From",        "Sender",        "Reply-To",  "To",        "Cc",        "Bcc",
      "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", "Resent-Bcc"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&](std::string_view name) { return field.Is(name); });
}

// --- octets above 127 in the header ------------------------------------------------------

// Where a quoted string, comment or angle address that begins at `at` ends.
std::size_t EndOf(std::string_view text, std::size_t at) {
  const char closes = text[at] == '"' ? '"' : text[at] == '(' ? ')' : '>';
  const char opens = text[at];
  int depth = 1;
  for (++at; at < text.size() && depth > 0; ++at) {
    if (text[at] == '\\' && closes != '>') {
      ++at;
    } else if (text[at] == closes) {
      --depth;
    } else if (text[at] == opens && closes == ')') {
      ++depth;
    }
  }
  return std::min(at, text.size());
}

std::string Unquoted(std::string_view phrase) {
  std::string text;
  bool quoted = false;
  for (std::size_t i = 0; i < phrase.size(); ++i) {
    if (phrase[i] == '"') {
      quoted = !quoted;
    } else if (quoted && phrase[i] == '\\' && i + 1 < phrase.size()) {
      text += phrase[++i];
    } else {
      text += phrase[i];
    }
  }
  return text;
}

// A phrase or comment of an address list, with blanks around it: encoded if it must be.
std::string EncodePhrase(std::string_view text) {
  const std::string_view core = Trim(text);
  const bool address = core.find('@') != core.npos;
  if (!HasAbove127(core) || address) return std::string(text);
  const std::size_t from = static_cast<std::size_t>(core.data() - text.data());
  return std::string(text.substr(0, from)) + EncodeWords(Unquoted(core)) +
         std::string(text.substr(from + core.size()));
}

// The display names and comments in a list of mailboxes, encoded; addresses stay.
std::string EncodeNames(std::string_view value) {
  std::string out, phrase;
  for (std::size_t at = 0; at < value.size();) {
    const char c = value[at];
    const std::size_t end = c == '"' || c == '(' || c == '<' ? EndOf(value, at) : at + 1;
    const std::string_view piece = value.substr(at, end - at);
    at = end;
    if (c == '(' && piece.size() > 2) {
      out += EncodePhrase(std::exchange(phrase, {})) + '(' +
             EncodePhrase(piece.substr(1, piece.size() - 2)) + ')';
    } else if (c == '<' || c == ',' || c == ';' || c == ':') {
      out += EncodePhrase(std::exchange(phrase, {})) + std::string(piece);
    } else {
      phrase += piece;
    }
  }
  return out + EncodePhrase(phrase);
}

// The value again as lines, where it was encoded: one per encoded word.
std::vector<std::string> Fold(std::string text) {
  std::vector<std::string> lines;
  for (std::size_t at = text.find("?= =?"); at != text.npos; at = text.find("?= =?")) {
    lines.push_back(text.substr(0, at + 2));
    text.erase(0, at + 2);
  }
  lines.push_back(std::move(text));
  return lines;
}

void EncodeField(Field* field) {
  const std::string value = CleanUtf8(field->Value());
  if (!HasAbove127(value)) return;
  const std::size_t blanks = value.find_first_not_of(" \t");
  const std::string_view text = std::string_view(value).substr(std::min(blanks, value.size()));
  field->lines =
      Fold(field->name + ": " + (HoldsAddresses(*field) ? EncodeNames(text) : EncodeWords(text)));
}

// --- recipients --------------------------------------------------------------------------

bool IsRecipientField(const Field& field, bool resent) {
  return resent ? field.Is("Resent-To") || field.Is("Resent-Cc") || field.Is("Resent-Bcc")
                : field.Is("To") || field.Is("Cc") || field.Is("Bcc");
}

// The mailboxes of an address list, each as it stands there; of groups, their members.
std::vector<std::string> Mailboxes(std::string_view value) {
  std::vector<std::string> mailboxes;
  std::string text;
  const auto finish = [&] {
    if (!Trim(text).empty()) mailboxes.emplace_back(Trim(text));
    text.clear();
  };
  for (std::size_t at = 0; at < value.size();) {
    const char c = value[at];
    const std::size_t end = c == '"' || c == '(' || c == '<' ? EndOf(value, at) : at + 1;
    if (c == ',' || c == ';') {
      finish();
    } else if (c == ':') {
      text.clear();  // a group's name
    } else {
      text += value.substr(at, end - at);
    }
    at = end;
  }
  finish();
  return mailboxes;
}

Result<std::vector<std::string>, std::string> TakeRecipients(std::vector<Field>* fields,
                                                             std::string_view domain) {
  const bool resent = std::any_of(fields->begin(), fields->end(),
                                  [](const Field& f) { return IsRecipientField(f, true); });
  std::vector<std::string> recipients;
  for (const Field& field : *fields) {
    if (!IsRecipientField(field, resent)) continue;
    for (const std::string& text : Mailboxes(field.Value())) {
      auto address = ReadAddress(text, domain);
      if (!address) return Err{field.name + ": " + address.error()};
      if (std::find(recipients.begin(), recipients.end(), address.value()) == recipients.end())
        recipients.push_back(std::move(address).value());
    }
  }
  std::erase_if(*fields, [&](const Field& f) { return f.Is(resent ? "Resent-Bcc" : "Bcc"); });
  return recipients;
}

// --- what is missing ---------------------------------------------------------------------

// A display name as a phrase: as it is where it is atoms and blanks, else quoted or encoded.
std::string Phrase(std::string_view name) {
  if (HasAbove127(name)) return EncodeWords(name);
  const bool atoms = std::all_of(name.begin(), name.end(), [](char c) {
    return IsAlnum(c) || c == ' ' ||
           std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
  });
  if (atoms) return std::string(name);
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += IsControl(c) ? ' ' : c;
  }
  return quoted + '"';
}

void Add(std::vector<Field>* fields, std::string name, const std::string& value) {
  if (Find(*fields, name) != nullptr) return;
  std::string line = name + ": " + value;
  fields->push_back({std::move(name), {std::move(line)}});
}

void Complete(std::vector<Field>* fields, const ComposeOptions& options) {
  const std::string address = '<' + options.sender + '>';
  Add(fields, "From",
      options.full_name.empty() ? options.sender : Phrase(options.full_name) + ' ' + address);
  Add(fields, "Date", smtp::MailDate(options.now));
  Add(fields, "Message-ID", "<S" + smtp::MakeMessageId(options.now) + '@' + options.domain + '>');
}

// --- the body ----------------------------------------------------------------------------

bool IsTooLong(std::string_view line) { return line.size() > limits::kMessageLineMaxBytes; }

std::string Hex(char c) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto octet = static_cast<unsigned char>(c);
  return {'=', kDigits[octet >> 4], kDigits[octet & 15]};
}

// RFC 2045 6.7: lines of at most 76 octets; blanks at the end of a line are written out.
void AppendQuotedPrintable(std::string_view line, std::vector<std::string>* out) {
  constexpr std::size_t kColumns = 75;  // and the "=" of a soft line break
  std::string made;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool blank_at_end = IsBlank(c) && i + 1 == line.size();
    const bool as_it_is = (c >= ' ' && c < '\x7f' && c != '=') || c == '\t';
    const std::string piece = as_it_is && !blank_at_end ? std::string(1, c) : Hex(c);
    if (made.size() + piece.size() > kColumns) out->push_back(std::exchange(made, {}) + '=');
    made += piece;
  }
  out->push_back(std::move(made));
}

// The fields of a header that is in lines already, one by one.
std::optional<std::string> FieldValue(const std::vector<std::string>& header,
                                      std::string_view name) {
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (!EqualsIgnoreCase(NameOf(header[i]), name)) continue;
    std::string value(Trim(std::string_view(header[i]).substr(name.size() + 1)));
    for (++i; i < header.size() && IsBlank(header[i][0]); ++i) value += header[i];
    return value;
  }
  return std::nullopt;
}

void DropField(std::vector<std::string>* header, std::string_view name) {
  for (auto at = header->begin(); at != header->end();) {
    if (!EqualsIgnoreCase(NameOf(*at), name)) {
      ++at;
      continue;
    }
    at = header->erase(at);
    while (at != header->end() && IsBlank(at->front())) at = header->erase(at);
  }
}

}  // namespace

Result<std::string, std::string> ReadAddress(std::string_view text, std::string_view domain) {
  const std::optional<expand::Mailbox> mailbox = expand::ParseMailbox(text);
  const bool bad = !mailbox || mailbox->local_part.empty() ||
                   std::any_of(text.begin(), text.end(), [](char c) { return IsControl(c); });
  if (bad) return Err{'"' + Printable(text) + "\" is not an address"};
  if (!mailbox->domain.empty()) return mailbox->address();
  if (domain.empty())
    return Err{'"' + Printable(text) + "\" has no domain, and none is configured"};
  return mailbox->local_part + '@' + std::string(domain);
}

Result<Message, std::string> Compose(std::string_view input, const ComposeOptions& options) {
  std::vector<std::string> lines = SplitLines(input, options.dot_line);
  std::size_t body = 0;
  std::vector<Field> fields = ReadHeader(lines, &body);
  Message message;
  if (options.header_recipients == HeaderRecipients::kTake) {
    auto recipients = TakeRecipients(&fields, options.domain);
    if (!recipients) return Err{recipients.error()};
    message.recipients = std::move(recipients).value();
  }
  Complete(&fields, options);
  for (Field& field : fields) {
    EncodeField(&field);
    for (std::string& line : field.lines) {
      std::replace_if(
          line.begin(), line.end(), [](char c) { return IsControl(c) && c != '\t'; }, ' ');
      if (IsTooLong(line))
        return Err{"a line of the header field " + field.name + " is longer than " +
                   std::to_string(limits::kMessageLineMaxBytes) + " octets"};
      message.international |= HasAbove127(line);
      message.header.push_back(std::move(line));
    }
  }
  message.body.assign(std::make_move_iterator(lines.begin() + static_cast<std::ptrdiff_t>(body)),
                      std::make_move_iterator(lines.end()));
  for (const std::string& line : message.body) {
    message.eight_bit |= HasAbove127(line);
    message.encode |= IsTooLong(line) || line.find('\0') != line.npos;
  }
  return message;
}

Result<bool, std::string> EncodeBody(Message* message) {
  const std::string encoding =
      FieldValue(message->header, "Content-Transfer-Encoding").value_or("7bit");
  const std::string type = Lower(FieldValue(message->header, "Content-Type").value_or(""));
  static constexpr std::array<std::string_view, 3> kPlain = {"7bit", "8bit", "binary"};
  const bool plain = std::any_of(kPlain.begin(), kPlain.end(), [&](std::string_view name) {
    return EqualsIgnoreCase(encoding, name);
  });
  if (!plain || type.starts_with("multipart/") || type.starts_with("message/"))
    return Err{"its body would have to be encoded, and is in parts or encoded already"};
  bool utf8 = true;
  std::vector<std::string> body;
  for (const std::string& line : message->body) {
    utf8 &= CleanUtf8(line) == line;
    AppendQuotedPrintable(line, &body);
  }
  message->body = std::move(body);
  DropField(&message->header, "Content-Transfer-Encoding");
  if (!FieldValue(message->header, "MIME-Version"))
    message->header.emplace_back("MIME-Version: 1.0");
  if (type.empty())
    message->header.emplace_back(std::string("Content-Type: text/plain; charset=") +
                                 (!message->eight_bit ? "us-ascii"
                                  : utf8              ? "utf-8"
                                                      : "unknown-8bit"));
  message->header.emplace_back("Content-Transfer-Encoding: quoted-printable");
  message->eight_bit = message->encode = false;
  return true;
}

}  // namespace signet::submit
