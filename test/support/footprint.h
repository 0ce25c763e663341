#ifndef SIGNET_TEST_SUPPORT_FOOTPRINT_H_
#define SIGNET_TEST_SUPPORT_FOOTPRINT_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

// What a server that may be several processes takes of the machine.
namespace signet::test {

struct ProcessStatus {
  pid_t parent = 0, group = 0;
  double waited_for_seconds = 0;  // CPU time of children that have ended
};
std::map<pid_t, ProcessStatus> AllProcesses();
// `root` and all below it, with those that have lost their parents to us.
std::map<pid_t, ProcessStatus> ProcessTree(pid_t root);

struct Footprint {
  std::vector<pid_t> processes;
  double pss_kib = 0;  // proportional set size: what is shared counts once
  int threads = 0, descriptors = 0, mappings = 0;
};
Footprint FootprintOf(pid_t root);

}  // namespace signet::test
#endif
