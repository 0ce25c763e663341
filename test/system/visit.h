#ifndef SIGNET_TEST_SYSTEM_VISIT_H_
#define SIGNET_TEST_SYSTEM_VISIT_H_

#include <memory>
#include <string>
#include <vector>

#include "test/system/world.h"

namespace signet::test {

// A session of openssl's client as alice, line by line, by the ticket in a file where there is
// one; the ticket that it gets is left there.
class Visit {
 public:
  struct Options {
    std::string version = "-tls1_3";
    bool on_connect = false;
    std::string server_name;
    std::string address = "127.0.0.1";
  };
  Visit(const World& world, const std::string& ticket) : Visit(world, ticket, Options()) {}
  Visit(const World& world, const std::string& ticket, const Options& options)
      : Visit(options.on_connect ? world.gateway->tls_port() : world.gateway->starttls_port(),
              ticket, options) {}
  Visit(int port, const std::string& ticket, const Options& options) {
    std::vector<std::string> command = {"openssl",
                                        "s_client",
                                        "-quiet",
                                        "-crlf",
                                        options.version,
                                        "-connect",
                                        options.address + ":" + std::to_string(port)};
    if (!options.on_connect) command.insert(command.end(), {"-starttls", "smtp"});
    if (!options.server_name.empty())
      command.insert(command.end(), {"-servername", options.server_name});
    if (!ReadFile(ticket).empty()) command.insert(command.end(), {"-sess_in", ticket});
    command.insert(command.end(), {"-sess_out", ticket});
    const Certificates& certificates = Certificates::Get();
    command.insert(command.end(),
                   {"-cert", certificates.pem("alice"), "-key", certificates.key("alice"),
                    "-cert_chain", certificates.pem("alice")});
    Process::Options process;
    process.keep_input_open = true;
    process_ = std::make_unique<Process>(command, process);
    process_->WaitForOutput("\r\n");  // the banner, or the end of EHLO's reply
    Say("EHLO c");
  }
  std::string Say(const std::string& line) {
    const std::size_t before = process_->Output().size();
    process_->Send(line + "\n");
    std::string reply;
    WaitUntil([&] {
      reply = process_->Output().substr(before);
      const std::size_t last = reply.rfind("\r\n", reply.size() - 3);
      const std::size_t start = last == std::string::npos ? 0 : last + 2;
      return reply.ends_with("\r\n") && reply.size() > start + 3 && reply[start + 3] == ' ';
    });
    return reply;
  }

 private:
  std::unique_ptr<Process> process_;
};

}  // namespace signet::test
#endif
