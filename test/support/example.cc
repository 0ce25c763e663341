#include "test/support/example.h"

#include <sys/stat.h>

#include <regex>
#include <stdexcept>

namespace signet::test {
namespace {

// Text that must be there to be replaced: an example that has changed is noticed.
std::string Put(const std::string& text, const std::string& from, const std::string& to) {
  if (text.find(from) == std::string::npos) throw std::runtime_error("no \"" + from + "\"");
  return Replace(text, from, to);
}

}  // namespace

Example::Example(const std::string& name, const Authority& authority, const Setup& setup)
    : starttls_port_(FreePort()), tls_port_(FreePort()), config_file_(directory_ / name) {
  Write("server.pem", ReadFile(authority.pem("server")));
  Write("server.key", ReadFile(authority.key("server")));
  Write("client-ca.pem", ReadFile(authority.root()));
  for (const auto& [file, content] : setup.files) Write(file, content);

  const std::string tls_port = std::to_string(tls_port_);
  std::string text = ReadFile("doc/examples/" + name);
  text = Put(text, "587 : 465", std::to_string(starttls_port_) + " : " + tls_port);
  text = std::regex_replace(text, std::regex("(\ntls_on_connect_ports *= )465"), "$01" + tls_port);
  text = Put(text, "/etc/signet/", directory_ / "");
  text = Put(text, "127.0.0.1::10025", "127.0.0.1::" + std::to_string(setup.upstream_port));
  for (const auto& [from, to] : setup.places) text = Put(text, from, to);
  Write(name, text);

  const Finished checked = Run({SignetProgram(), "check", "-C", config_file_});
  // Notes are no complaints.
  for (std::size_t at = 0; at < checked.output.size();) {
    const std::size_t end = std::min(checked.output.find('\n', at), checked.output.size() - 1) + 1;
    const std::string line = checked.output.substr(at, end - at);
    if (!line.starts_with("note: ")) complaints_ += line;
    at = end;
  }
  if (complaints_ == config_file_ + ": good, no mistakes\n") complaints_.clear();
  std::vector<std::string> words = {SignetProgram(), "serve", "-C",
                                    config_file_,    "-oX",   "127.0.0.1"};
  for (const auto& [macro, value] : setup.macros) words.push_back("-D" + macro + "=" + value);
  process_ = std::make_unique<Process>(words);
  WaitUntil([this] {
    return !process_->running() || (SomebodyListens(starttls_port_) && SomebodyListens(tls_port_));
  });
  if (!process_->running()) throw std::runtime_error(name + " did not start: " + Log());
}

void Example::Write(const std::string& name, std::string_view content) const {
  WriteFile(file(name), content);
  if (name.ends_with(".key")) chmod(file(name).c_str(), 0600);
}

bool Example::WaitForLog(std::string_view text, std::size_t from) const {
  return WaitUntil([&] { return Log().find(text, from) != std::string::npos; }, seconds(10));
}

}  // namespace signet::test
