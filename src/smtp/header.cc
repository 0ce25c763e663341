#include "src/smtp/header.h"

#include <algorithm>

#include "expand/alabel.h"
#include "expand/regex.h"
#include "src/base/text.h"

namespace signet::smtp {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// Skips blanks and comments, RFC 5322 CFWS; a comment that does not end swallows the rest.
std::size_t SkipComments(std::string_view text, std::size_t at) {
  int depth = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\' && depth > 0) {
      ++at;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')' && depth > 0) {
      --depth;
    } else if (depth == 0 && !IsSpace(c)) {
      break;
    }
  }
  return std::min(at, text.size());
}

// What a reader who drops comments, quotes and blanks wherever they are would take for the
// name: everything up to the semicolon.
std::string Stripped(std::string_view value) {
  std::string out;
  for (std::size_t at = 0; at < value.size() && value[at] != ';';) {
    const std::size_t next = SkipComments(value, at);
    if (next != at) {
      at = next;
      continue;
    }
    if (value[at] != '"' && value[at] != '\\') out += value[at];
    ++at;
  }
  return out;
}

// As names are compared: A-labels in lower case, without the dot of the root.
std::string Canonical(std::string_view name) {
  std::string text = Lower(Trim(name));
  while (!text.empty() && text.back() == '.') text.pop_back();
  const Result<std::string, std::string> label = expand::DomainToAlabel(text);
  return label ? Lower(label.value()) : text;
}

// Whether `text` is the name, perhaps with a version number or what is no part of a name
// behind it: somebody more lenient stops reading there.
bool BeginsWithName(std::string_view text, std::string_view name) {
  if (!text.starts_with(name)) return false;
  const std::string_view rest = text.substr(name.size());
  const bool name_goes_on = !rest.empty() && (IsAlnum(rest[0]) || rest[0] == '-' || rest[0] == '.');
  return !name_goes_on || std::all_of(rest.begin(), rest.end(), IsDigit);
}

bool ClaimsToBe(std::string_view value, const std::vector<std::string>& own_names) {
  const std::string id = AuthservId(value);
  // Without a readable id it could be read as ours by somebody more lenient.
  if (id.empty()) return true;
  const std::string canonical = Canonical(id), stripped = Canonical(Stripped(value));
  return std::any_of(own_names.begin(), own_names.end(), [&](const std::string& own) {
    const std::string name = Canonical(own);
    return canonical == name || BeginsWithName(stripped, name);
  });
}

}  // namespace

HeaderReader::Place HeaderReader::Take(std::string_view line) {
  const std::string_view name = FieldName(line);
  const bool continues = !header_.empty() && !line.empty() && IsBlank(line.front());
  if (!continues && name.empty()) return line.empty() ? Place::kBlank : Place::kBody;
  Count(line, continues ? "" : name);
  if (problem_ != DataProblem::kNone) return Place::kHeader;
  if (continues) {
    (header_.back().text += '\n') += line;
  } else {
    header_.push_back({std::string(name), std::string(line)});
  }
  return Place::kHeader;
}

void HeaderReader::Count(std::string_view line, std::string_view name) {
  if (problem_ != DataProblem::kNone) return;
  bytes_ += line.size() + 2;
  if (EqualsIgnoreCase(name, "Received")) ++received_;
  if (received_ > limits_.received) problem_ = DataProblem::kTooManyReceived;
  if (bytes_ > limits_.bytes) problem_ = DataProblem::kHeaderTooLong;
}

std::string_view FieldName(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() && line[end] > ' ' && line[end] < 0x7f && line[end] != ':') ++end;
  std::size_t colon = end;
  while (colon < line.size() && IsBlank(line[colon])) ++colon;
  if (end == 0 || colon == line.size() || line[colon] != ':') return {};
  return line.substr(0, end);
}

facts::HeaderField MakeField(const std::vector<std::string>& lines) {
  facts::HeaderField field;
  for (const std::string& line : lines) {
    if (!field.text.empty()) field.text += '\n';
    field.text += line;
  }
  if (!lines.empty()) field.name = FieldName(lines.front());
  return field;
}

void EmitField(const facts::HeaderField& field, const LineSink& sink) {
  std::string_view text = field.text;
  while (true) {
    const std::size_t end = text.find('\n');
    sink(text.substr(0, end));
    if (end == text.npos) return;
    text.remove_prefix(end + 1);
  }
}

std::size_t FieldBytes(const facts::HeaderField& field) {
  const auto breaks = std::count(field.text.begin(), field.text.end(), '\n');
  return field.text.size() + static_cast<std::size_t>(breaks) + 2;
}

std::string AuthservId(std::string_view value) {
  std::size_t at = SkipComments(value, 0);
  std::string id;
  if (at < value.size() && value[at] == '"') {
    for (++at; at < value.size() && value[at] != '"'; ++at) {
      if (value[at] == '\\' && at + 1 < value.size()) ++at;
      id += value[at];
    }
    return id;
  }
  while (at < value.size() && !IsSpace(value[at]) && value[at] != ';' && value[at] != '(')
    id += value[at++];
  return id;
}

void RemoveForgedResults(const std::vector<std::string>& own_names, Header* header) {
  std::erase_if(*header, [&](const facts::HeaderField& field) {
    return EqualsIgnoreCase(field.name, "Authentication-Results") &&
           ClaimsToBe(std::string_view(field.text).substr(field.text.find(':') + 1), own_names);
  });
}

namespace {

Result<bool, std::string> RemoveMatching(std::string_view pattern, Header* header) {
  using expand::Regex;
  auto regex = Regex::Compile(pattern, Regex::Jit::kNo, Regex::Letters::kAnyCase);
  if (!regex) return Err{regex.error()};
  std::string why;
  std::chrono::nanoseconds time = limits::kRegexTotal;
  std::vector<Regex::Group> groups;
  std::erase_if(*header, [&](const facts::HeaderField& field) {
    if (!why.empty()) return false;
    return regex.value()->Match(field.name, 0, Regex::Mode::kAnywhere, &groups, &why, &time) ==
           Regex::Outcome::kMatch;
  });
  if (!why.empty()) return Err{std::move(why)};
  return true;
}

bool IsTrace(const facts::HeaderField& field) {
  return EqualsIgnoreCase(field.name, "Received") || EqualsIgnoreCase(field.name, "Return-Path");
}

}  // namespace

Result<bool, std::string> RemoveFields(std::string_view pattern, Header* header) {
  pattern = Trim(pattern);
  if (pattern.starts_with('^')) return RemoveMatching(pattern, header);
  const bool prefix = pattern.ends_with('*');
  if (prefix) pattern.remove_suffix(1);
  std::erase_if(*header, [&](const facts::HeaderField& field) {
    const std::string_view name = field.name;
    return EqualsIgnoreCase(prefix ? name.substr(0, pattern.size()) : name, pattern);
  });
  return true;
}

void AddField(facts::HeaderField field, facts::HeaderPlace place, Header* header) {
  auto at = header->end();
  const auto received = [](const facts::HeaderField& f) {
    return EqualsIgnoreCase(f.name, "Received");
  };
  switch (place) {
    case facts::HeaderPlace::kEnd:
      break;
    case facts::HeaderPlace::kStart:
      at = header->begin();
      break;
    case facts::HeaderPlace::kAfterReceived:
      at = std::find_if(header->begin(), header->end(), received);
      at = at == header->end() ? header->begin() : std::find_if_not(at, header->end(), received);
      break;
    case facts::HeaderPlace::kStartRfc:
      at = std::find_if_not(header->begin(), header->end(), IsTrace);
      break;
  }
  header->insert(at, std::move(field));
}

std::string MessageIdOf(const Header& header) {
  for (const facts::HeaderField& field : header) {
    if (!EqualsIgnoreCase(field.name, "Message-ID")) continue;
    const std::string_view value =
        Trim(std::string_view(field.text).substr(field.text.find(':') + 1));
    const bool whole = value.size() > 2 && value.front() == '<' && value.back() == '>';
    if (whole && value.find('\n') == value.npos)
      return std::string(value.substr(1, value.size() - 2));
  }
  return "";
}

}  // namespace signet::smtp
