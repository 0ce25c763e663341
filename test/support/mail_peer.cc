#include "test/support/mail_peer.h"

#include <signal.h>

#include <filesystem>
#include <stdexcept>

namespace signet::test {
namespace {

namespace fs = std::filesystem;

// Of all processes of a group, whether they are stopped.
bool GroupIsStopped(pid_t group) {
  std::error_code gone;
  for (const auto& entry : fs::directory_iterator("/proc", gone)) {
    const std::string stat = ReadFile(entry.path().string() + "/stat");
    // "PID (NAME) STATE PARENT GROUP …"; a name may hold anything but ends with the last ")".
    const std::size_t name_end = stat.rfind(')');
    if (name_end == stat.npos || name_end + 4 > stat.size()) continue;
    const std::size_t parent = stat.find(' ', name_end + 4);
    if (parent == stat.npos || std::atoi(stat.c_str() + parent) != group) continue;
    if (stat[name_end + 2] != 'T' && stat[name_end + 2] != 'Z') return false;
  }
  return true;
}

}  // namespace

std::vector<std::string> MaildirMessages(const std::string& directory) {
  std::vector<std::string> messages;
  std::error_code gone;
  for (const auto& entry : fs::recursive_directory_iterator(directory, gone)) {
    if (entry.is_regular_file(gone) && entry.path().parent_path().filename() == "new")
      messages.push_back(ReadFile(entry.path().string()));
  }
  return messages;
}

void MailPeer::Start(const std::vector<std::string>& command, const Process::Options& options) {
  command_ = command;
  options_ = options;
  StartAgain();
}

void MailPeer::StartAgain() {
  process_ = std::make_unique<Process>(command_, options_);
  WaitForStart(command_[0]);
}

void MailPeer::WaitForStart(const std::string& name) {
  if (!WaitUntil([this] { return SomebodyListens(port_) || !process_->running(); }) ||
      !process_->running())
    throw std::runtime_error(name + " did not start: " + process_->Output() + Log());
}

std::vector<std::string> MailPeer::Messages() const { return MaildirMessages(directory_ / "mail"); }

bool MailPeer::WaitForMessages(std::size_t count) const {
  return WaitUntil([&] { return Messages().size() >= count; });
}

std::string MailPeer::WaitForMessage(std::string_view text) const {
  std::string found;
  WaitUntil([&] {
    for (const std::string& message : Messages())
      if (message.find(text) != message.npos) found = message;
    return !found.empty();
  });
  return found;
}

std::string MailPeer::Log() const {
  std::string log;
  for (const auto& entry : fs::directory_iterator(directory_.path()))
    if (entry.path().filename().string().starts_with("log")) log += ReadFile(entry.path().string());
  return log;
}

bool MailPeer::WaitForLog(std::string_view text) const {
  return WaitUntil([&] { return Log().find(text) != std::string::npos; });
}

void MailPeer::Freeze() {
  kill(-pid(), SIGSTOP);
  WaitUntil([this] { return GroupIsStopped(pid()); });
}

void MailPeer::Thaw() { kill(-pid(), SIGCONT); }

}  // namespace signet::test
