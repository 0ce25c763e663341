#include "src/config/lines.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "src/base/codes.h"
#include "src/base/text.h"

namespace signet::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

struct FileContents {
  int error_number = 0;
  bool too_large = false;
  std::string text;
  std::string mode_warning;
};

// Who else may write the file, or replace it in its directory (rule C4).
std::string ModeWarning(const std::string& path, const struct stat& file) {
  char mode[16];
  std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(file.st_mode & 07777));
  if (S_ISREG(file.st_mode) && (file.st_mode & 022) != 0) {
    return std::string("group or others may write this configuration file (mode ") + mode + ")";
  }
  if (S_ISREG(file.st_mode) && file.st_uid != 0 && file.st_uid != geteuid()) {
    return "this configuration file belongs to user " + std::to_string(file.st_uid) +
           ", who can change it";
  }
  struct stat folder;
  std::string::size_type slash = path.rfind('/');
  std::string parent = slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  if (stat(parent.c_str(), &folder) != 0) return {};
  if ((folder.st_mode & 022) == 0 || (folder.st_mode & S_ISVTX) != 0) return {};
  std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(folder.st_mode & 07777));
  return std::string(
             "group or others may replace this configuration file: its directory has mode ") +
         mode;
}

FileContents ReadFile(const std::string& path, std::size_t max_bytes) {
  FileContents contents;
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) {
    contents.error_number = errno;
    return contents;
  }
  struct stat status;
  if (fstat(fd, &status) == 0) contents.mode_warning = ModeWarning(path, status);
  std::string block(16384, '\0');
  for (;;) {
    ssize_t got = read(fd, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) contents.error_number = errno;
    if (got <= 0) break;
    contents.text.append(block, 0, static_cast<std::size_t>(got));
    if (contents.text.size() > max_bytes) {
      contents.too_large = true;
      break;
    }
  }
  close(fd);
  return contents;
}

std::size_t SkipSpace(std::string_view text, std::size_t at) {
  while (at < text.size() && IsSpace(text[at])) ++at;
  return at;
}

}  // namespace

void LineReader::Error(SourceSpan span, std::string message, std::vector<DiagnosticNote> notes) {
  diagnostics_.push_back({Severity::kError, span, std::move(message), {}, std::move(notes)});
}

// After trouble that would only repeat itself (includes without end, macros that
// multiply): no further line is read.
void LineReader::GiveUp() {
  files_.clear();
  branches_.clear();
  ended_ = true;
}

bool LineReader::OpenFiles(const std::string& paths) {
  std::vector<std::string> list = SplitAdministratorList(paths);
  for (const std::string& path : list) {
    if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) continue;
    file_ = path;
    return PushFile(path, {});
  }
  Error({}, "non-existent configuration file \"" + paths + "\"");
  return false;
}

void LineReader::OpenText(std::string name, std::string text) {
  file_ = name;
  PushText(std::move(name), std::move(text));
}

void LineReader::PushText(std::string name, std::string text) {
  bytes_ += text.size();
  texts_.push_back(std::make_unique<SourceText>(std::move(name), std::move(text)));
  const SourceText* source = texts_.back().get();
  File file{source};
  if (source->text().starts_with(kByteOrderMark)) {
    Error(source->whole().Part(0, kByteOrderMark.size()), "found unexpected BOM (byte order mark)");
    file.at = kByteOrderMark.size();
  }
  std::size_t nul = source->text().find('\0');
  if (nul != std::string::npos) {
    Error(source->whole().Part(nul, nul + 1), "found unexpected NUL octet");
  }
  files_.push_back(file);
}

bool LineReader::PushFile(const std::string& path, SourceSpan included_from) {
  std::string quoted = "\"" + path + "\"";
  if (files_.size() >= limits::kIncludeDepth) {
    Error(included_from, "configuration files are included too deeply (at most " +
                             std::to_string(limits::kIncludeDepth) + " levels)");
    GiveUp();
    return false;
  }
  FileContents contents = ReadFile(path, limits::kConfigurationMaxBytes - bytes_);
  if (contents.error_number != 0) {
    std::string what = included_from.text ? "failed to open included configuration file "
                                          : "failed to open configuration file ";
    Error(included_from, what + quoted + ": " + std::strerror(contents.error_number));
    return false;
  }
  if (contents.too_large) {
    Error(included_from, "configuration file " + quoted + " is too large (at most " +
                             std::to_string(limits::kConfigurationMaxBytes) +
                             " octets for all files together)");
    GiveUp();
    return false;
  }
  PushText(path, std::move(contents.text));
  if (!contents.mode_warning.empty()) {
    SourceSpan start = texts_.back()->whole().Part(0, 0);
    diagnostics_.push_back(
        {Severity::kWarning, start, std::move(contents.mode_warning), {}, {}, code::kFileMode});
  }
  return true;
}

bool LineReader::NextPhysical(SourceSpan* line) {
  while (!files_.empty()) {
    File& file = files_.back();
    const std::string& text = file.text->text();
    if (file.at >= text.size()) {
      files_.pop_back();
      continue;
    }
    std::size_t end = text.find('\n', file.at);
    if (end == std::string::npos) end = text.size();
    *line = file.text->whole().Part(file.at, end);
    file.at = end + 1;
    return true;
  }
  return false;
}

std::optional<SourceSpan> LineReader::Next() {
  MappedText logical;
  SourceSpan physical, first;
  while (NextPhysical(&physical)) {
    std::string_view raw = physical.view();
    MappedText line;
    line.Append(physical.Part(SkipSpace(raw, 0), raw.size()));
    std::size_t name = logical.empty() ? MacroTable::DefinitionName(line.text()) : 0;
    MacroTable::Substituted substituted = macros_.Substitute(&line, name);
    std::size_t start = SkipSpace(line.text(), 0);
    if (start < line.size() && line.text()[start] == '#') {
      if (active()) TakeComment(physical);
      continue;
    }
    if (TakeDirective(line, substituted.any) == Taken::kYes || !active()) continue;

    std::size_t end = line.size();
    while (end > start && IsSpace(line.text()[end - 1])) --end;
    if (start == end) {
      if (logical.empty()) continue;
      break;
    }
    if (logical.empty()) first = physical;
    logical.AppendPart(line, start, end);
    if (substituted.too_long || logical.size() > limits::kConfigurationLineMaxBytes) {
      Error(physical, "line is too long with its macros and continuation lines (at most " +
                          std::to_string(limits::kConfigurationLineMaxBytes) + " octets)");
      GiveUp();
      return std::nullopt;
    }
    if (logical.text().back() != '\\') break;
    logical.Truncate(logical.size() - 1);
  }
  if (logical.empty()) return End();
  PlaceAllowances(first, physical);
  bytes_ += logical.size();
  SourceSpan result = TrimSpan(std::move(logical).Finish(physical, &texts_));
  if (bytes_ > 2 * limits::kConfigurationMaxBytes) {
    Error(result, "configuration is too large with its macros replaced");
    GiveUp();
    return std::nullopt;
  }
  return result;
}

void LineReader::TakeComment(SourceSpan physical) {
  Allowances read = ReadAllowances(TrimSpan(physical), &diagnostics_);
  allowances_.insert(allowances_.end(), read.begin(), read.end());
}

void LineReader::PlaceAllowances(SourceSpan first, SourceSpan last) {
  for (; placed_ < allowances_.size(); ++placed_) {
    allowances_[placed_].first = first;
    allowances_[placed_].last = last.text == first.text ? last : first;
  }
}

std::nullopt_t LineReader::End() {
  if (!ended_ && !branches_.empty()) {
    Error(branches_.back().opened, "unexpected end of configuration file: .endif missing");
  }
  ended_ = true;
  return std::nullopt;
}

LineReader::Taken LineReader::TakeDirective(const MappedText& line, bool substituted) {
  std::string_view text = line.text();
  std::size_t start = SkipSpace(text, 0);
  if (start >= text.size() || text[start] != '.') return Taken::kNo;
  std::size_t end = start + 1;
  while (end < text.size() && !IsSpace(text[end])) ++end;
  std::string_view word = text.substr(start, end - start);
  SourceSpan place = line.Origin(start, end);
  if (TakeConditional(word, place, substituted) == Taken::kYes) return Taken::kYes;
  bool must_exist = word == ".include";
  if (!must_exist && word != ".include_if_exists") return Taken::kNo;
  if (active()) TakeInclude(line, end, must_exist);
  return Taken::kYes;
}

LineReader::Taken LineReader::TakeConditional(std::string_view word, SourceSpan place,
                                              bool substituted) {
  if (word == ".ifdef" || word == ".ifndef") {
    if (branches_.size() == limits::kIfdefDepth) {
      Error(place, ".ifdef nested too deeply (at most " + std::to_string(limits::kIfdefDepth) +
                       " levels)");
      GiveUp();
      return Taken::kYes;
    }
    bool outer = active();
    bool on = outer && substituted == (word == ".ifdef");
    branches_.push_back({place, outer, on, on, false});
    return Taken::kYes;
  }
  if (word == ".elifdef") return TakeElse(word, place, substituted), Taken::kYes;
  if (word == ".elifndef") return TakeElse(word, place, !substituted), Taken::kYes;
  if (word == ".else") return TakeElse(word, place, true), Taken::kYes;
  if (word != ".endif") return Taken::kNo;
  if (branches_.empty()) {
    Error(place, ".endif without matching .ifdef");
  } else {
    branches_.pop_back();
  }
  return Taken::kYes;
}

void LineReader::TakeElse(std::string_view word, SourceSpan place, bool condition) {
  if (branches_.empty()) return Error(place, std::string(word) + " without matching .ifdef");
  Branch& branch = branches_.back();
  if (branch.saw_else) {
    return Error(place, std::string(word) + " after .else",
                 {{branch.opened, "the branches begin here"}});
  }
  branch.active = branch.outer_active && !branch.taken && condition;
  branch.taken = branch.taken || branch.active;
  branch.saw_else = word == ".else";
}

void LineReader::TakeInclude(const MappedText& line, std::size_t from, bool must_exist) {
  std::string_view text = line.text();
  std::size_t begin = SkipSpace(text, from), end = text.size();
  while (end > begin && IsSpace(text[end - 1])) --end;
  if (end - begin >= 2 && text[begin] == '"' && text[end - 1] == '"') ++begin, --end;
  SourceSpan place = line.Origin(begin, end);
  if (begin >= end) return Error(place, "file name expected after .include");
  std::string path(text.substr(begin, end - begin));
  if (path[0] != '/') {
    const std::string& here = files_.back().text->name();
    std::string::size_type slash = here.rfind('/');
    if (slash != here.npos) path.insert(0, here, 0, slash + 1);
  }
  if (!must_exist && access(path.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
    return;
  }
  PushFile(path, place);
}

}  // namespace signet::config
