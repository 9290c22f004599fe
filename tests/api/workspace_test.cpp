// If these fail, scratch memory is misreported, or writes past it and trust in its old contents go unnoticed.
#include "variants/api/workspace.h"

#include <cmath>
#include <new>
#include <vector>

#include "tests/catch.h"

using namespace attnbench;

TEST_CASE("allocations are aligned, disjoint and as long as asked for") {
  Workspace workspace(workspace_bytes<float>(3) + workspace_bytes<double>(9) + workspace_bytes<char>(65));
  const auto a = workspace.allocate<float>(3);
  const auto b = workspace.allocate<double>(9);
  const auto c = workspace.allocate<char>(65);
  for (const void* p : {static_cast<const void*>(a.data()), static_cast<const void*>(b.data()), static_cast<const void*>(c.data())})
    CHECK(reinterpret_cast<std::uintptr_t>(p) % kAlignment == 0);
  CHECK(a.size() == 3);
  CHECK(b.size() == 9);
  CHECK(c.size() == 65);
  CHECK(static_cast<const void*>(a.data() + 3) < static_cast<const void*>(b.data()));
  CHECK(static_cast<const void*>(b.data() + 9) < static_cast<const void*>(c.data()));
  CHECK(workspace.guards_intact());
}

TEST_CASE("bytes are counted in whole lines, exactly") {
  CHECK(workspace_bytes<float>(0) == 0);
  CHECK(workspace_bytes<float>(1) == 64);
  CHECK(workspace_bytes<float>(16) == 64);
  CHECK(workspace_bytes<float>(17) == 128);
  Workspace workspace(192);
  workspace.allocate<float>(17);
  CHECK(workspace.peak() == 128);
  workspace.allocate<float>(1);
  CHECK(workspace.peak() == 192);
  CHECK_FALSE(workspace.overflowed());
  workspace.reset();
  workspace.allocate<float>(1);
  CHECK(workspace.peak() == 192);  // the peak survives a reset
  CHECK(workspace.declared() == 192);
}

TEST_CASE("asking for more than declared works and is recorded") {
  Workspace workspace(64);
  workspace.allocate<float>(16);
  CHECK_FALSE(workspace.overflowed());
  const auto extra = workspace.allocate<float>(100000);
  extra[0] = extra[99999] = 1;
  CHECK(workspace.overflowed());
  CHECK(workspace.peak() == 64 + workspace_bytes<float>(100000));
  CHECK(workspace.guards_intact());
  extra.data()[100000] = 1;
  CHECK_FALSE(workspace.guards_intact());
  workspace.reset();
  CHECK(workspace.overflowed());
  CHECK(workspace.guards_intact());
}

TEST_CASE("a workspace of somebody else's hands every request on in whole lines, and fails when it is refused") {
  std::vector<std::size_t> requests;
  alignas(kAlignment) static std::byte memory[256];
  const auto source = [](void* context, std::size_t bytes) -> void* {
    static_cast<std::vector<std::size_t>*>(context)->push_back(bytes);
    return bytes <= sizeof memory ? memory : nullptr;
  };
  Workspace workspace(source, &requests);
  CHECK(static_cast<void*>(workspace.allocate<float>(17).data()) == memory);
  CHECK_THROWS_AS(workspace.allocate<float>(1000), std::bad_alloc);
  CHECK(requests == std::vector<std::size_t>{128, 4032});
}

TEST_CASE("nothing declared, nothing taken") {
  const Workspace workspace(0);
  CHECK(workspace.peak() == 0);
  CHECK(workspace.guards_intact());
}

TEST_CASE("a write past any allocation is noticed, up to a line away") {
  for (const std::int64_t offset : {16, 31}) {
    Workspace workspace(128);
    const auto first = workspace.allocate<float>(16);
    workspace.allocate<float>(16);
    first.data()[offset] = 0;
    CHECK_FALSE(workspace.guards_intact());
  }
}

TEST_CASE("poison fills everything that can be allocated") {
  Workspace workspace(256);
  workspace.poison();
  for (const float value : workspace.allocate<float>(64)) CHECK(std::isnan(value));
  workspace.reset();
  workspace.poison(3.0f);
  for (const float value : workspace.allocate<float>(64)) CHECK(value == 3.0f);
}

TEST_CASE("poison reaches what spills beyond the declared bytes") {
  Workspace workspace(64);
  workspace.poison(5.0f);
  for (const float value : workspace.allocate<float>(100000)) REQUIRE(value == 5.0f);
}

TEST_CASE("many small allocations stay guarded") {
  Workspace workspace(1000 * 64);
  for (int i = 0; i < 1000; ++i) workspace.allocate<char>(1)[0] = 'x';
  CHECK_FALSE(workspace.overflowed());
  CHECK(workspace.guards_intact());
}
