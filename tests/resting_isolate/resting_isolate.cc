/*
 * An addon that makes a JS heap of its own, as isolated-vm does, for the tests: an isolate that is alive and, between two
 * runs, on no thread.
 *
 *   rest(source)  makes an isolate in a thread that ends, runs the source in it, and gives its total_physical_size
 *   run(source)   runs more in the isolate that was made last, on the calling thread, and gives the same
 *
 * The isolate is disposed of when the process ends.
 */
#include <node.h>
#include <uv.h>
#include <v8.h>

#include <string>
#include <thread>

namespace {

v8::Isolate* isolate = nullptr;
v8::Global<v8::Context> kept;
node::MultiIsolatePlatform* platform = nullptr;
uv_loop_t loop;  // what V8 posts to the isolate waits here for ever

/** Whoever runs in an isolate that several threads enter locks it first, and leaves no trace on its thread. */
double RunIn(const std::string& source) {
  v8::Locker locker(isolate);
  v8::Isolate::Scope scope(isolate);
  v8::HandleScope handles(isolate);
  if (kept.IsEmpty()) kept.Reset(isolate, v8::Context::New(isolate));
  v8::Local<v8::Context> context = kept.Get(isolate);
  v8::Context::Scope inside(context);
  v8::Local<v8::String> text = v8::String::NewFromUtf8(isolate, source.c_str()).ToLocalChecked();
  v8::Script::Compile(context, text).ToLocalChecked()->Run(context).ToLocalChecked();
  v8::HeapStatistics statistics;
  isolate->GetHeapStatistics(&statistics);
  return static_cast<double>(statistics.total_physical_size());
}

std::string Source(const v8::FunctionCallbackInfo<v8::Value>& info) {
  return *v8::String::Utf8Value(info.GetIsolate(), info[0]);
}

void DisposeAtEnd(void*) {
  kept.Reset();
  isolate->Dispose();  // asks the platform for the isolate's task runner once more
  platform->UnregisterIsolate(isolate);
}

void Rest(const v8::FunctionCallbackInfo<v8::Value>& info) {
  v8::Isolate* caller = info.GetIsolate();
  platform = node::GetMultiIsolatePlatform(node::GetCurrentEnvironment(caller->GetCurrentContext()));
  uv_loop_init(&loop);
  std::string source = Source(info);
  double size = 0;
  std::thread([&] {
    isolate = v8::Isolate::Allocate();
    platform->RegisterIsolate(isolate, &loop);
    v8::Isolate::CreateParams params;
    params.array_buffer_allocator = v8::ArrayBuffer::Allocator::NewDefaultAllocator();
    v8::Isolate::Initialize(isolate, params);
    size = RunIn(source);
  }).join();
  node::AddEnvironmentCleanupHook(caller, DisposeAtEnd, nullptr);
  info.GetReturnValue().Set(size);
}

void Run(const v8::FunctionCallbackInfo<v8::Value>& info) { info.GetReturnValue().Set(RunIn(Source(info))); }

}  // namespace

NODE_MODULE_INIT() {
  NODE_SET_METHOD(exports, "rest", Rest);
  NODE_SET_METHOD(exports, "run", Run);
}
