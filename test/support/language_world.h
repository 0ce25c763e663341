#ifndef SIGNET_TEST_SUPPORT_LANGUAGE_WORLD_H_
#define SIGNET_TEST_SUPPORT_LANGUAGE_WORLD_H_

#include <memory>
#include <string>
#include <vector>

#include "test/support/exim.h"
#include "test/support/line_expander.h"
#include "test/support/process.h"

namespace signet::test {

// An OpenLDAP server with the entries of test/expand/reference/directory.ldif.
class DemoDirectory {
 public:
  DemoDirectory();
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  TempDir directory_;
  int port_;
  std::unique_ptr<Process> process_;
};

// What test/expand/reference is about: the files of /fx, the directory, the certificates and
// the configuration; and both programs in that world.
class LanguageWorld {
 public:
  static LanguageWorld& Get();

  // A text of a case as it is here, and what is printed as the case would say it.
  std::string Here(std::string text) const;
  std::string There(std::string text) const;

  // `certificate`: A, B, C, D; "" and "none" for none. `settings`: NAME=VALUE.
  LineExpander Signet(const std::string& certificate = "",
                      const std::vector<std::string>& settings = {}) const;
  LineExpander Exim() const;

 private:
  LanguageWorld();
  std::string fx() const { return files_ / "fx"; }
  std::string settings_file() const { return files_ / "settings.conf"; }
  void CopyFiles();
  void MakeDatabases();

  TempDir files_;
  DemoDirectory directory_;
  EximProgram exim_;
};

}  // namespace signet::test
#endif
