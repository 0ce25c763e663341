#ifndef SIGNET_SRC_SMTP_COMMANDS_H_
#define SIGNET_SRC_SMTP_COMMANDS_H_

#include <optional>
#include <span>
#include <string_view>

#include "src/smtp/dialogue.h"

// The table of commands. What is not in it does nothing (rules S7, S13).
namespace signet::smtp {

enum class Argument : std::uint8_t {
  kNone,      // anything is an error
  kOptional,  // ignored
  kParsed,    // `run` parses it
};
enum class Idle : std::uint8_t { kCounted, kNot };  // against smtp_accept_max_nonmail
// Its place among pipelined commands. kBeforeData: octets that are no command follow it.
enum class Group : std::uint8_t { kAnywhere, kLast, kBeforeData };

// `check` only looks: may this command come now? `run` acts.
struct CommandRow {
  std::string_view name;
  Argument argument;
  Idle idle;
  Group group;
  std::optional<Answer> (*check)(const Dialogue& dialogue, const Command& command);
  Answer (*run)(Dialogue& dialogue, const Command& command);
  std::string_view manual;
};

std::span<const CommandRow> Commands();
const CommandRow* FindCommand(std::string_view verb);

// Why a message cannot come yet by that command: there is no recipient.
std::optional<Answer> CheckRecipients(const Dialogue& dialogue, std::string_view command);

// Whether the verb is one of HTTP's: somebody talks to the wrong server, or makes a
// browser do it (rule T13).
bool IsForeignVerb(std::string_view verb);

}  // namespace signet::smtp
#endif
