#include "src/config/values.h"

#include <type_traits>

#include "expand/show.h"
#include "src/base/codes.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/config/scalars.h"

namespace signet::config {
namespace {

// The octets from which on a value is wrong.
SourceSpan Wrong(SourceSpan value, const ScalarError& error) {
  return value.Part(error.at, value.view().size());
}

Expanded* MemberOf(Main* main, AclWhen when) { return &main->acl[static_cast<std::size_t>(when)]; }
// Only the main section has rows for ACLs.
template <typename T>
Expanded* MemberOf(T*, AclWhen) {
  return nullptr;
}

}  // namespace

void ValueReader::Report(Severity severity, SourceSpan span, std::string message, std::string hint,
                         std::vector<DiagnosticNote> notes, std::string_view code) {
  diagnostics_.push_back(
      {severity, span, std::move(message), std::move(hint), std::move(notes), code});
}

bool ValueReader::HasValue(const NamedSetting& named) {
  const OptionSetting& setting = *named.setting;
  std::string name(named.name);
  if (named.negated) {
    Error(setting.name, "negation prefix applied to a non-boolean option");
    return false;
  }
  if (setting.has_equals) return true;
  if (setting.value.view().empty()) {
    Error(setting.name, "unexpected end of line (data missing) after " + name);
  } else {
    Error(setting.value, "missing \"=\" after " + name);
  }
  return false;
}

std::optional<bool> ValueReader::Boolean(const NamedSetting& named) {
  const OptionSetting& setting = *named.setting;
  std::string_view value = setting.value.view();
  if (setting.has_equals && !named.negated) {
    Result<bool, ScalarError> read = ReadBoolean(value, named.name);
    if (read) return read.value();
    Error(Wrong(setting.value, read.error()), read.error().message);
    return std::nullopt;
  }
  if (!setting.has_equals && value.empty()) return !named.negated;
  Error(setting.value, "extra characters follow boolean option " +
                           std::string(setting.name.view()) + std::string(CommentHint(value)));
  return std::nullopt;
}

std::optional<std::int64_t> ValueReader::Integer(const NamedSetting& named) {
  if (!HasValue(named)) return std::nullopt;
  SourceSpan value = named.setting->value;
  Result<std::int64_t, ScalarError> read = ReadInteger(value.view(), named.name);
  if (read) return read.value();
  Error(Wrong(value, read.error()), read.error().message);
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> ValueReader::Time(const NamedSetting& named) {
  if (!HasValue(named)) return std::nullopt;
  SourceSpan value = named.setting->value;
  Result<std::chrono::milliseconds, ScalarError> read = ReadTime(value.view(), named.name);
  if (read) return read.value();
  Error(Wrong(value, read.error()), read.error().message);
  return std::nullopt;
}

std::optional<SourceSpan> ValueReader::String(const NamedSetting& named) {
  if (!HasValue(named)) return std::nullopt;
  return ReadString(named.setting->value, named.name, &config_.texts, &diagnostics_);
}

Expanded ValueReader::Compile(SourceSpan span, facts::Phase phase, bool hidden) {
  Expanded compiled{span, expand::Compile(span, phase, names_, &diagnostics_)};
  if (hidden && compiled) expand::Hide(*compiled.program);
  return compiled;
}

bool ValueReader::IsOneOf(std::string_view option, const Words& words, SourceSpan value) {
  const auto holds = [](std::string_view all, std::string_view word) {
    return !word.empty() && word.find(' ') == word.npos &&
           (' ' + std::string(all) + ' ').find(' ' + std::string(word) + ' ') != std::string::npos;
  };
  const std::string_view word = value.view();
  if (words.all.empty()) return true;
  if (!holds(words.all, word)) {
    Error(value, "one of \"" + std::string(words.all) + "\" expected for " + std::string(option) +
                     ", but \"" + Printable(word) + "\" found");
    return false;
  }
  if (holds(words.weak, word))
    Report(Severity::kWarning, value,
           std::string(option) + " is \"" + std::string(word) + "\": " + std::string(words.weakens),
           {}, {}, code::kWeakSetting);
  return true;
}

template <typename T>
bool ValueReader::Fill(const Row<T>& row, const NamedSetting& named, T* target) {
  auto fill = [&](auto member) {
    using Type = decltype(member);
    if constexpr (std::is_same_v<Type, bool T::*>) {
      std::optional<bool> value = Boolean(named);
      if (value) target->*member = *value;
      return value.has_value();
    } else if constexpr (std::is_same_v<Type, std::int64_t T::*>) {
      std::optional<std::int64_t> value = Integer(named);
      if (value && *value < 0) {
        Error(named.setting->value, std::string(row.name) + " must not be negative");
        return false;
      }
      if (value) target->*member = *value;
      return value.has_value();
    } else if constexpr (std::is_same_v<Type, std::chrono::milliseconds T::*>) {
      std::optional<std::chrono::milliseconds> value = Time(named);
      if (value) target->*member = *value;
      return value.has_value();
    } else {
      std::optional<SourceSpan> span = String(named);
      if (!span) return false;
      if constexpr (std::is_same_v<Type, std::string T::*>) {
        target->*member = std::string(span->view());
      } else if constexpr (std::is_same_v<Type, std::vector<std::string> T::*>) {
        target->*member = SplitAdministratorList(span->view());
      } else if constexpr (std::is_same_v<Type, Text T::*>) {
        if (!IsOneOf(row.name, row.words, *span)) return false;
        target->*member = Text{std::string(span->view()), *span};
      } else if constexpr (std::is_same_v<Type, Expanded T::*>) {
        target->*member =
            Compile(*span, row.phase, named.setting->hide || row.name == "auth_password");
      } else {
        Expanded* acl = MemberOf(target, member);
        if (acl != nullptr) *acl = Compile(*span, row.phase, named.setting->hide);
      }
      return true;
    }
  };
  return std::visit(fill, row.member);
}

OptionSetting ValueReader::MakeDefault(std::string_view name, std::string_view text) {
  config_.texts.push_back(
      std::make_unique<SourceText>("default of " + std::string(name), std::string(text)));
  OptionSetting setting;
  setting.has_equals = true;
  setting.value = config_.texts.back()->whole();
  return setting;
}

template <typename T>
void ValueReader::FillDefault(const Row<T>& row, T* target) {
  if (row.default_text.empty()) return;
  OptionSetting setting = MakeDefault(row.name, row.default_text);
  Fill(row, {row.name, false, &setting}, target);
}

template bool ValueReader::Fill(const Row<Main>&, const NamedSetting&, Main*);
template bool ValueReader::Fill(const Row<Authenticator>&, const NamedSetting&, Authenticator*);
template bool ValueReader::Fill(const Row<Router>&, const NamedSetting&, Router*);
template bool ValueReader::Fill(const Row<Transport>&, const NamedSetting&, Transport*);
template void ValueReader::FillDefault(const Row<Main>&, Main*);
template void ValueReader::FillDefault(const Row<Authenticator>&, Authenticator*);
template void ValueReader::FillDefault(const Row<Router>&, Router*);
template void ValueReader::FillDefault(const Row<Transport>&, Transport*);

SourceSpan FindItem(SourceSpan list, std::string_view item) {
  std::string_view text = list.view();
  for (std::size_t at = text.find(item); at != text.npos; at = text.find(item, at + 1)) {
    std::size_t end = at + item.size();
    bool starts = at == 0 || !IsAlnum(text[at - 1]);
    bool ends = end == text.size() || !IsAlnum(text[end]);
    if (starts && ends) return list.Part(at, end);
  }
  return list;
}

}  // namespace signet::config
