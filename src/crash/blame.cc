#include "crash/blame.h"

#include <array>
#include <span>
#include <unordered_set>
#include <vector>

namespace kiln::crash {
namespace {

using Names = std::span<const std::string_view>;

/// A set of names, of which "foo*" means all that begin so, "*foo" all that end so, "*foo*" all that hold it.
class NameSet {
 public:
  NameSet(std::initializer_list<Names> lists) {
    for (const Names names : lists) {
      for (std::string_view name : names) {
        const bool open_front = name.starts_with('*');
        const bool open_back = name.size() > 1 && name.ends_with('*');
        if (open_front) name.remove_prefix(1);
        if (open_back) name.remove_suffix(1);
        if (open_front && open_back) parts_.push_back(name);
        else if (open_front) endings_.push_back(name);
        else if (open_back) beginnings_[Bucket(name)].push_back(name);
        else exact_.insert(name);
      }
    }
  }

  bool Holds(std::string_view function) const {
    if (function.empty()) return false;
    if (exact_.contains(function)) return true;
    for (const auto name : beginnings_[Bucket(function)]) {
      if (function.starts_with(name)) return true;
    }
    for (const auto name : endings_) {
      if (function.ends_with(name)) return true;
    }
    for (const auto name : parts_) {
      if (function.find(name) != std::string_view::npos) return true;
    }
    return false;
  }

 private:
  static size_t Bucket(std::string_view name) { return static_cast<unsigned char>(name[0]); }

  std::unordered_set<std::string_view> exact_;
  std::array<std::vector<std::string_view>, 256> beginnings_;
  std::vector<std::string_view> endings_;
  std::vector<std::string_view> parts_;
};

// Printing, dumping, warning and dying.
constexpr std::string_view kPrint[] = {"dump_stack*",
                                       "__dump_stack",
                                       "show_stack*",
                                       "dump_backtrace*",
                                       "print_*",
                                       "show_regs*",
                                       "show_trace*",
                                       
                                       
                                       "panic", "__panic", "panic_saved_regs", "warn_alloc", "skb_panic", "skb_over_panic", "skb_under_panic", "skb_push", "skb_put", "__skb_put", "fortify_panic", "__fortify_panic", "__fortify_report", "assertfail", "assfail", "__reiserfs_panic", "reiserfs_panic", "__ext4_error*", "__seqprop_assert", "vprintk*",  "printk_deferred*", "_printk_deferred", "string", "string_nocheck", "hex_string", "vsnprintf", "snprintf", "vscnprintf", "scnprintf", "sprintf", "vsprintf", "pointer", "format_decode", "number", "widen_string", "mac_address_string", "ip*_addr_string", "put_dec*", "crc16*", "crc32*", "crc_*", "crc8", "__crc32*", "__phys_addr*", "__x86_indirect_thunk_*", "__x86_return_thunk", "__llvm_retpoline_*", "asan.module_*",
                                       "vpanic",
                                       "nmi_panic",
                                       "*printk*", "va_format", "_dev_*", "__dynamic_*", "*vprintk*",
                                       "_printk",
                                       "vprintk*",
                                       "__warn*",
                                       "warn_slowpath*",
                                       "*_warn_trap",
                                       "report_bug*",
                                       "fixup_bug*",
                                       
                                       "call_break_hook",
                                       "brk_handler",
                                       "handle_bug*",
                                       "die",
                                       "__die*",
                                       "die_*",
                                       "oops_*",
                                       "crash_*",
                                       "c_backtrace",
                                       "__show_regs",
                                       "save_trace",
                                       "stack_trace_*",
                                       "save_stack*", "stack_depot_save*", "__stack_depot_save*",
                                       "arch_stack_walk*",
                                       "walk_stackframe",
                                       "__save_stack*",
                                       
                                       "set_track*",
                                       
                                       "do_debug_exception",
                                       "debug_print_object",
                                       "__bug*",
                                       "dump_page",
                                       "__dump_page*",
                                       "bad_page",
                                       "describe_address",
                                       "object_err",
                                       "rust_begin_unwind",
                                       
                                       "*kernel_text_address",
                                       "is_bpf_text_address",
                                       "dump_dlm*",
                                       "crng_*backtrace"};

// Ways into the fault handlers of every architecture.
constexpr std::string_view kFaultEntry[] = {"do_error_trap",
                                            "do_trap*",
                                            "do_invalid_op",
                                            "invalid_op",
                                            "exc_*", "do_tag_*", 
                                            "asm_exc_*",
                                            "*_exc_*",
                                            
                                            
                                            "page_fault",
                                            "async_page_fault",
                                            
                                            "trace_page_fault",
                                            "no_context",
                                            
                                            "do_general_protection",
                                            "general_protection",
                                            "do_kern_addr_fault",
                                            "do_user_addr_fault",
                                            "do_double_fault",
                                            "double_fault",
                                            "do_translation_fault",
                                            "do_mem_abort",
                                            "do_DataAbort",
                                            "do_PrefetchAbort",
                                            "el1_*",
                                            "el1h_*",
                                            "el1t_*",
                                            "do_undefinstr",
                                            "do_bad_area",
                                            "do_alignment_fault",
                                            "__do_kernel_fault",
                                            "do_kernel_fault",
                                            
                                            "do_sea",
                                            "do_sp_pc_abort",
                                            "do_trap_*",
                                            "handle_exception",
                                            "handle_page_fault",
                                            "program_check_*",
                                            "pgm_check_*",
                                            "data_access_*",
                                            "hash__do_page_fault",
                                            "___do_page_fault",
                                            "error_entry",
                                            "error_exit",
                                            "irqentry_*",
                                            "fault_*injection*",
                                            "kernelmode_fixup_or_oops",
                                            "page_fault_oops",
                                            "__stack_chk_fail",
                                            "__do_kernel_fault",
                                            "arm64_notify_die",
                                            "do_int3*",
                                            "int3",
                                            "do_trap_no_signal",
                                            "notify_die",
                                            "atomic_notifier_call_chain"};

// Sanitizers and the places where they hook in.
constexpr std::string_view kSanitizer[] = {"*kasan*",
                                           "*asan_*",
                                           "asan_*",
                                           "*kmsan*",
                                           "*kcsan*",
                                           "*ubsan*",
                                           "__sanitizer_*",
                                           "__tsan_*",
                                           "__msan_*",
                                           "__hwasan_*",
                                           "check_memory_region*",
                                           "kfence_*",
                                           "__kfence_*",
                                           "memory_is_poisoned*",
                                           "check_region*",
                                           "qlist_free_all",
                                           "qlink_free*",
                                           "quarantine_*",
                                           "kcov_*",
                                           "write_comp_data",
                                           "__ubsan*",
                                           "ubsan_*",
                                           "handle_overflow",
                                           "val_to_string",
                                           "end_report",
                                           "report_*",
                                           "find_report_*",
                                           "check_canary*",
                                           "describe_object",
                                           "address_range_is_*"};

// Memory and string primitives, copies to and from user space.
constexpr std::string_view kMemory[] = {"memcpy*",
                                        "__memcpy*",
                                        "memset*",
                                        "__memset*",
                                        "memmove*",
                                        "__memmove*",
                                        "memcmp",
                                        "memchr*",
                                        "memscan",
                                        "memzero*",
                                        "__pi_*",
                                        "bcmp",
                                        "strlen*",
                                        "strnlen*", "strnstr", "strnchr*", "kstrto*",
                                        "strcmp",
                                        "strncmp",
                                        "strcpy",
                                        "strncpy",
                                        "strlcpy",
                                        "strscpy*",
                                        "strcat",
                                        "strlcat",
                                        "strncat",
                                        "strchr*",
                                        "strrchr",
                                        "strstr",
                                        "strsep",
                                        "strpbrk",
                                        "strspn",
                                        "strcspn",
                                        "strcasecmp",
                                        "strncasecmp",
                                        "sized_str*",
                                        "*copy_to_user*",
                                        "*copy_from_user*",
                                        "*copy_user*",
                                        "copy_to_iter*",
                                        "copy_from_iter*",
                                        "*copy_to_iter*", "_copy_from_iter*", "copy_to_iter*", "copy_from_iter*", "copy_page_to_iter*", "copy_page_from_iter*", "copy_folio_*",  "__copy_*", "*_copy_user*",
                                        "__check_object_size",
                                        "check_heap_object",
                                        "check_stack_object",
                                        
                                        "__check_heap_object",
                                        "__put_user*",
                                        "__get_user*",
                                        "csum_partial*",
                                        "read_word_at_a_time",
                                        "instrument_*",
                                        "find_next_bit*",
                                        "find_first_bit*",
                                        "_find_next*",
                                        "_find_first*",
                                        "test_bit",
                                        "set_bit",
                                        "clear_bit",
                                        "arch_set_bit",
                                        "raw_copy*",
                                        "__raw_copy*",
                                        "__arch_copy*",
                                        "copyout*",
                                        "copyin*",
                                        "__asm_copy*",
                                        "rep_movs*",
                                        "rep_stos*"};

// Allocators.
constexpr std::string_view kAllocator[] = {"*kmalloc*",
                                           "*kzalloc*",
                                           "kcalloc*",
                                           "kfree*",
                                           "__kfree",
                                           "*kmem_cache_*", "create_object", "delete_object*", "__kmemleak*", "kmem_freepages",
                                           "slab_*",
                                           "__slab_*",
                                           "___slab_*",
                                           "*kvmalloc*",
                                           "kvfree*",
                                           "krealloc*",
                                           "__krealloc",
                                           "__do_krealloc*",
                                           "*kvrealloc*",
                                           "kmemdup*",
                                           "__kmemXdup*",
                                           "kstrdup*",
                                           "*vmalloc*",
                                           "vzalloc*",
                                           "vfree*",
                                           "__vfree*",
                                           "__vmap*",
                                           "cache_alloc*",
                                           "____cache_alloc*",
                                           "cache_grow*",
                                           "cache_free*",
                                           "___cache_free",
                                           "__cache_free*",
                                           "fallback_alloc",
                                           "allocate_slab",
                                           "new_slab*",
                                           "alloc_slab_page",
                                           "get_freepointer*",
                                           "get_partial*",
                                           "put_cpu_partial",
                                           "free_debug_processing",
                                           "alloc_debug_processing",
                                           "__free_slab",
                                           "discard_slab",
                                           "do_slab_free",
                                           "memcg_alloc*",
                                           "memcg_slab_*",
                                           "free_to_partial*",
                                           "memdup_user*",
                                           "vmemdup_user",
                                           "strndup_user",
                                           "strdup_user*",
                                           "devm_k*",
                                           "__do_kmalloc*",
                                           "mempool_alloc*",
                                           "mempool_free*",
                                           "sheaf_*",
                                           "alloc_from_pcs",
                                           "free_to_pcs",
                                           "poison_slab_object",
                                           "__alloc_pages*",
                                           "*alloc_pages*", "*folio_alloc*", "alloc_page*",
                                           "__alloc_frozen*",
                                           "alloc_frozen*",
                                           "get_page_from_freelist",
                                           "rmqueue*",
                                           "prep_new_page",
                                           "post_alloc_hook",
                                           "__get_free_pages",
                                           "get_zeroed_page*",
                                           "__alloc_percpu*",
                                           "pcpu_alloc*",
                                           "kmemleak_*",
                                           "dma_alloc*",
                                           "free_unref_page*",
                                           
                                           "free_pages*", "__free_pages_ok", "__free_one_page", "free_the_page", "free_large_kmalloc", "__free_slab*",
                                           "free_frozen_page*",
                                           "folio_alloc*",
                                           "__folio_alloc*",
                                           "vma_alloc_*",
                                           "free_pcppages*",
                                           "free_pcp_*"};

// Locks, and what checks them.
constexpr std::string_view kLock[] = {"lock_sock_nested", "debug_lockdep_*","lock_acquire*",
                                      "__lock_acquire*",
                                      "lock_release*",
                                      "__lock_release*",
                                      "lock_is_held*",
                                      "__lock_is_held",
                                      "lock_set_class",
                                      "lock_downgrade",
                                      "lock_pin*",
                                      "lock_unpin*",
                                      "__lock_set_class",
                                      "__lock_pin*",
                                      "__lock_unpin*",
                                      "lock_acquired",
                                      "lock_contended",
                                      "*raw_spin_*",
                                      "*raw_read_*",
                                      "*raw_write_*",
                                      "__raw_spin_*",
                                      "_raw_*lock*",
                                      "do_raw_*",
                                      "*queued_spin_*",
                                      "*queued_read_*",
                                      "*queued_write_*",
                                      "__pv_queued*",
                                      "*pv_wait*",
                                      "*pv_kick*",
                                      "spin_lock*",
                                      "spin_unlock*",
                                      "spin_dump",
                                      "spin_bug",
                                      "rwlock_bug",
                                      "rspin_bug",
                                      "read_lock*",
                                      "write_lock*",
                                      "__spin_*",
                                      "queue_read_*",
                                      "queue_write_*",
                                      "*mutex_lock*",
                                      "*mutex_unlock*",
                                      "mutex_trylock*",
                                      "mutex_spin_on_owner",
                                      "mutex_optimistic_spin",
                                      "*down_read*",
                                      "*down_write*",
                                      "*down_trylock*",
                                      "down",
                                      "down_interruptible",
                                      "down_timeout",
                                      "down_killable",
                                      "__down*",
                                      "*up_read*",
                                      "*up_write*",
                                      "up",
                                      "rwsem_*",
                                      "__rwsem_*",
                                      "call_rwsem_*",
                                      "rwbase_*",
                                      "rtlock_*",
                                      "rt_mutex_*",
                                      "__rt_mutex_*",
                                      "rt_spin_*",
                                      "rt_read_*",
                                      "rt_write_*",
                                      "percpu_down*",
                                      "percpu_up*",
                                      "__percpu_down*",
                                      "__percpu_up*",
                                      "percpu_rwsem*",
                                      "lockdep_*",
                                      "__lockdep_*",
                                      "mark_lock*",
                                      "mark_held*",
                                      "mark_usage", "look_up_lock_class", "print_usage*",
                                      "validate_chain",
                                      "check_prev*",
                                      "check_deadlock",
                                      "check_lock*",
                                      "check_noncircular",
                                      "check_usage*",
                                      "check_irq_usage",
                                      "check_redundant",
                                      "check_flags*",
                                      "check_chain_key",
                                      "check_wait_context",
                                      "check_path",
                                      "add_lock_to_list",
                                      "add_chain_cache*",
                                      "lookup_chain_cache*",
                                      "valid_state",
                                      "register_lock_class",
                                      "assign_lock_key",
                                      "debug_check_no_*",
                                      "__debug_check_*",
                                      "debug_*lock*",
                                      "__might_sleep",
                                      "__might_fault",
                                      "__might_resched",
                                      "___might_sleep",
                                      "might_fault",
                                      "check_preemption_disabled",
                                      "__this_cpu_preempt_check",
                                      "debug_smp_processor_id",
                                      "__this_cpu_*",
                                      "this_cpu_*",
                                      "trace_hardirqs_*",
                                      "trace_softirqs_*",
                                      "local_bh_*",
                                      "__local_bh_*",
                                      "seqcount_lockdep*",
                                      
                                      
                                      "bh_uptodate_or_lock",
                                      "ww_mutex_*",
                                      "__ww_mutex*",
                                      "lock_torture_*",
                                      "__cant_*",
                                      "debug_locks_off*",
                                      "csd_lock*",
                                      "osq_lock*",
                                      "osq_unlock",
                                      "arch_*_spin_*",
                                      "hlock_class",
                                      "reacquire_held_locks",
                                      "find_held_lock",
                                      "zap_*class*",
                                      "rcu_lockdep_*",
                                      "preempt_count_*",
                                      "preempt_schedule*"};

// Lists, reference counts, trees, atomics, objects.
constexpr std::string_view kStructure[] = {
    "find_lock_entries", "find_get_entries", "truncate_inode_pages*", "mark_buffer_dirty", "do_read_cache_*", "iput", "dput", "fast_dput", "ref_tracker_*", "warn_bogus_irq_restore", "check_panic_on_warn", "device_release", "perf_trace_*", "tp_perf_event_destroy", "_free_event", "free_event", "cancel_work*", "__cancel_work*", "cancel_delayed_work*",    "*_write_lock*", "*_read_lock*", "*call_rcu*", "filemap_alloc_folio*", "__filemap_get_folio*", "pagecache_get_page*", "filemap_get_folio*", "page_pool_*", "__page_pool*", "list_lru*", "__list_lru*",
    "rhashtable_*", "__rhashtable_*", "rht_*", "xas_*", "xa_*", "__xa_*",   "idr_*", "ida_*", "device_add*", "device_del", "device_register", "device_unregister", "get_device", "put_device", "get_device_parent*", "add_uevent_var", "klist_*", "devres_*", "device_initialize", "bus_add_device", "rollback_registered*", "unregister_netdev*", "*wait_for_completion*", "*wait_for_common*", "wait_for_common*", "complete", "complete_all", "*__wake_up*", "wake_up_*", "__wake_up*", "try_to_wake_up", "autoremove_wake_*", "default_wake_*", "lock_timer_base", "del_timer*", "mod_timer*", "__mod_timer", "add_timer*", "timer_delete*", "__timer_delete*", "try_to_del_timer*", "detach_*timer*", "insert_work", "insert_wq_barrier", "__queue_work", "queue_work_on", "queue_delayed_work*", "__queue_delayed_work", "mod_delayed_work*", "start_flush_work", "__flush_work*", "flush_work*", "__flush_workqueue", "flush_workqueue*", "drain_workqueue",   "usb_submit_urb", "unlock_page", "lock_page*", "folio_lock*", "folio_unlock", "put_page", "__put_page", "folio_put*", "__folio_put*", "put_pages_list", "__raw_read*", "__raw_write*", "readb", "readw", "readl", "readq", "writeb", "writew", "writel", "writeq", "inb*", "outb*", "inw*", "outw*", "inl*", "outl*", "logic_in*", "logic_out*", "ioread*", "iowrite*", "__ioread*", "_in*", "_out*",
    "*list_add*_valid*",
                                           "*list_del*_valid*",
                                           "__list_add*",
                                           "__list_del*",
                                           "list_del*",
                                           "list_add*",
                                           "__hlist_del*",
                                           "hlist_del*",
                                           "refcount_*",
                                           "__refcount_*",
                                           "kref_*",
                                           "*atomic_*",
                                           "atomic64_*",
                                           "arch_atomic*",
                                           "rb_erase*",
                                           "rb_insert*",
                                           "__rb_*",
                                           "rb_next*",
                                           "rb_prev",
                                           "rb_first*",
                                           "rb_last*",
                                           "hlist_*",
                                           "timerqueue_add",
                                           "variable_test_bit",
                                           "constant_test_bit",
                                           "cpumask_*",
                                           "__read_once*",
                                           "__write_once*",
                                           "*READ_ONCE*",
                                           "*WRITE_ONCE*",
                                           "mas_dummy_*",
                                           "debug_object_*",
                                           "__debug_object_*",
                                           "debug_objects_*",
                                           "kobject_*",
                                           "__kobject_*"};

// Fault injection.
constexpr std::string_view kFaultInjection[] = {"should_fail*",    "__should_fail*",    "fail_dump*",
                                                "should_failslab", "__should_failslab", "fault_create_*",
                                                "fail_usercopy*"};

// System call and kernel entries: never more specific than anything above them.
constexpr std::string_view kEntry[] = {"entry_SYSCALL*",
                                       "entry_SYSENTER*",
                                       "entry_INT80*",
                                       "do_syscall_*",
                                       "do_int80*",
                                       "do_fast_syscall_32",
                                       "__do_fast_syscall_32",
                                       "ret_fast_syscall",
                                       "ret_from_syscall*",
                                       "system_call*",
                                       "invoke_syscall*",
                                       "el0_svc*",
                                       "el0_sync*",
                                       "el0t_*",
                                       "__sys_trace*",
                                       "sysret_check",
                                       "sysenter_*",
                                       "ia32_sys*call",
                                       "x64_sys_call",
                                       "tracesys*",
                                       "int_ret_from_sys*",
                                       "__invoke_syscall*",
                                       "el0_*",
                                       "ret_from_fork*",
                                       "syscall_return_*",
                                       "syscall_exit_*",
                                       "exit_to_user_mode*",
                                       "secondary_startup_*",
                                       "x86_64_start_*",
                                       "common_startup_64"};

constexpr std::string_view kObjects[] = {"proc_register", "__xlate_proc_name", "proc_mkdir*", "proc_create*", "__proc_create", "usb_unanchor_urb"};
constexpr std::string_view kSleepNames[] = {"__schedule*",          "schedule*",
                                            "io_schedule*",         "preempt_schedule*",
                                            "__cond_resched*",      "_cond_resched*",
                                            "cond_resched",         "__schedule_bug",
                                            "wait_for_*",           "__wait_for_*",
                                            "might_alloc",          "might_sleep*",
                                            "prepare_alloc_pages*", "schedule_timeout*",
                                            "do_wait_for_common",   "bit_wait*",
                                            "__wait_on_bit*",       "out_of_line_wait_on_bit*"};
constexpr std::string_view kRcuNames[] = {"rcu_*",
                                          "__rcu_*",
                                          "srcu_*",
                                          "rht_*",
                                          "cpu_bit_bitmap",
                                          "task_css_*",
                                          "radix_tree_deref*",
                                          "idr_find",
                                          "__radix_tree_lookup*",
                                          "lookup_nulls*"};
constexpr std::string_view kLeakNames[] = {"alloc_super", "sget_userns", "*alloc_skb*",
                                           "sk_prot_alloc",
                                           "sk_alloc",
                                           "*_alloc_inode",
                                           "alloc_inode",
                                           "new_inode*",
                                           "__netdev_alloc*",
                                           "napi_alloc*",
                                           "alloc_netdev*",
                                           "bpf_map_area_alloc",
                                           "bpf_map_area_*",
                                           "bpf_map_kmalloc*",
                                           "pskb_expand_head",
                                           "skb_clone",
                                           "__pskb_copy*",
                                           "skb_copy*",
                                           "kobject_set_name*",
                                           "kvasprintf*",
                                           "kasprintf",
                                           "kmemleak*",
                                           "alloc_workqueue*",
                                           "idr_*",
                                           "__idr_*",
                                           "ida_*",
                                           "radix_tree_node_alloc*",
                                           "*radix_tree_*",
                                           "xas_*",
                                           "__xa_*",
                                           "xa_*",
                                           "mas_*",
                                           "mt_*",
                                           "proc_create*",
                                           "__proc_create",
                                           "bio_alloc*",
                                           "alloc_fs_context",
                                           "prepare_creds",
                                           "__alloc_object",
                                           "alloc_task_struct*",
                                           "dup_task_struct",
                                           "assoc_array_*",
                                           "alloc_buffer_head",
                                           "getname_flags*",
                                           "getname_kernel",
                                           "alloc_empty_file",
                                           "*__alloc_file",
                                           "alloc_vmap_area",
                                           "snd_dma_*",
                                           "usb_alloc_*"};
constexpr std::string_view kLockdepNames[] = {"process_one_work", "worker_thread"};
constexpr std::string_view kRustNames[] = {"rust_*", "__rustc::*", "core::*", "alloc::*", "_R*"};
constexpr std::string_view kPageNames[] = {"free_*", "__free_*", "release_pages*", "skb_release_*", "__skb_*", "consume_skb", "kfree_skb*", "folios_put*", "__pagevec*", "pagevec_*", "put_*", "tlb_*", "page_frag_free", "page_pool_*", "skb_free*", "napi_*", "sk_skb_*", "__put*", "shrink_*", "drain_*"};
constexpr std::string_view kHangNames[] = {"*fdatawait*", "__schedule*",
                                           "schedule*",
                                           "io_schedule*",
                                           "preempt_schedule*",
                                           "wait_for_*",
                                           "__wait_for_*",
                                           "do_wait_for_common",
                                           "bit_wait*",
                                           "bit_lock*",
                                           "__wait_on_bit*",
                                           "out_of_line_wait_on_bit*",
                                           "wait_on_bit*",
                                           "ldsem_*",
                                           "__ldsem_*",
                                           "tty_ldisc_lock*",
                                           "tty_ldsem_*",
                                           "__switch_to",
                                           "context_switch",
                                           "prepare_to_wait*",
                                           "folio_wait_bit*",
                                           "wait_on_page_bit*",
                                           "__lock_page*",
                                           "__folio_lock*",
                                           "folio_lock*",
                                           "lock_page*",
                                           "wait_on_page*",
                                           "__wait_on_page*",
                                           "down_*",
                                           "*_down_*",
                                           "call_rwsem_*",
                                           "common_interrupt_return",
                                           "wait_woken",
                                           "wait_event*",
                                           "sync_page*",
                                           "sleep_on_*",
                                           "__flush_work",
                                           "flush_work*",
                                           "__flush_workqueue",
                                           "flush_workqueue",
                                           "drain_workqueue",
                                           "__cancel_work_*",
                                           "cancel_work_sync",
                                           "cancel_delayed_work_sync",
                                           "__cancel_work_timer*",
                                           "usb_kill_urb",
                                           "usb_start_wait_urb",
                                           "usb_bulk_msg",
                                           "usb_control_msg*",
                                           "usb_internal_control_msg",
                                           "usb_poison_urb",
                                           "request_wait_answer",
                                           "lock_sock_nested", "__lock_sock", "lock_sock_fast*",
                                           "__lock_sock",
                                           "lock_sock_fast*",
                                           "kthread_stop*"};
constexpr std::string_view kStallNames[] = {"schedule*", "__schedule*", "preempt_schedule*","rcu_*",
                                            "__rcu_*",
                                            "check_cpu_stall*",
                                            "print_cpu_stall*",
                                            "print_other_cpu_stall",
                                            "sched_show_task*",
                                            "dump_cpu_task*",
                                            "nmi_*",
                                            "nmi",
                                            "end_repeat_nmi",
                                            "arch_trigger_*",
                                            "update_process_times",
                                            "tick_*",
                                            "*apic_timer_interrupt*",
                                            "sysvec_*",
                                            "asm_sysvec_*",
                                            "asm_call_*",
                                            "ktime_get*",
                                            "read_hpet*",
                                            "delay_*",
                                            "__delay",
                                            "__const_udelay",
                                            "__udelay",
                                            "__ndelay",
                                            "native_*",
                                            "kvm_clock_*",
                                            "pvclock_*",
                                            "irq_exit*",
                                            "retint_*",
                                            "ret_from_intr*",
                                            "common_interrupt*",
                                            "trace_event_*",
                                            "perf_trace_*",
                                            "run_timer_softirq",
                                            "handle_irq*",
                                            "do_IRQ",
                                            "get_random_*",
                                            "prandom_*",
                                            "io_serial_*",
                                            "serial8250_*",
                                            "mem_serial_*",
                                            "uart_console_*",
                                            "univ8250_*",
                                            "console_*",
                                            "call_console_*",
                                            "down_trylock",
                                            "_extract_*",
                                            "timekeeping_*",
                                            "restore_*",
                                            "finish_task_switch",
                                            "finish_lock_switch",
                                            "clear_page*",
                                            "cpu_relax*"};
constexpr std::string_view kUsercopyNames[] = {"*usercopy*",     "check_*",         "__check_*",
                                               "copy_overflow", "*copy_overflow*", "_inline_copy*",
                                               "strncpy_from*", "import_iovec*"};

constexpr std::string_view kDispatchers[] = {"process_one_work", "worker_thread",
    // Timers, soft interrupts, work and threads.
    "call_timer_fn", "__run_timer*", "expire_timers", "__hrtimer_run_queues", "__run_hrtimer*",
    "hrtimer_run_softirq", "__do_softirq", "handle_softirqs", "run_ksoftirqd", "do_softirq*", "net_rx_action",
    "tasklet_action*",   "kthread", "smpboot_thread_fn", "irq_work_*",
    "task_work_run", "handle_irq_event*", "__handle_irq_event*", "handle_*_irq", "generic_handle_irq*",
    "rcu_do_batch", "rcu_core", "__usb_hcd_giveback_urb",
    // The network receive path.
    "__netif_receive_skb*", "netif_receive_skb*", "process_backlog", "deliver_skb", "__napi_poll*",
    "napi_poll*",
    // Netlink.
     "rtnetlink_rcv_msg", "nfnetlink_rcv*",  
    "netlink_dump*", "__netlink_dump_start",  "crypto_user_rcv_msg", "xfrm_user_rcv_msg",
    "sock_diag_rcv*",
    // Sockets.
    "sock_sendmsg*", "__sock_sendmsg",   
      "sock_do_ioctl*", "sock_write_iter", "sock_read_iter",
    "__sys_setsockopt*", "__sys_getsockopt*", "do_sock_setsockopt*", "do_sock_getsockopt*", "__sys_connect*",
    "__sys_bind*", "__sys_accept*", "__sys_sendto", "__sys_recvfrom", "__sys_listen", "__sys_shutdown*",
     "__sock_release", "sock_close",
    // Files.
    "vfs_write", "__vfs_write", "new_sync_write", "vfs_read", "__vfs_read", "new_sync_read", "vfs_ioctl", "*_compat_ioctl", "compat_ptr_ioctl", "*sys_ioctl", "*SyS_ioctl", "*SYSC_ioctl",
    "do_vfs_ioctl", "ksys_ioctl", "compat_sys_ioctl", "do_iter_*", "vfs_iter_*", "do_iter_readv_writev",
    "do_loop_readv_writev*", "vfs_readv", "vfs_writev", "call_write_iter", "call_read_iter", "do_dentry_open",
    "vfs_open", "__fput", "____fput", "do_mount", "path_mount", "vfs_get_tree", "mount_fs", "legacy_get_tree",
    "mount_bdev", "mount_nodev", "get_tree_bdev*", "vfs_fsync*", "vfs_getattr*", "vfs_statx*",
    "vfs_fallocate", "iterate_dir", "call_mmap", "mmap_region", "__mmap_region", "vfs_setxattr*",
    "vfs_getxattr*", "notify_change", "io_issue_sqe", "proc_reg_*",
    // Block, faults, exit.
    "usb_hcd_giveback_urb"};

constexpr std::string_view kSystemCalls[] = {"__x64_sys_*", "__ia32_sys_*", "__x64_compat_sys_*", "__ia32_compat_sys_*", "__arm64_sys_*", "__arm64_compat_sys_*", "__s390*_sys_*", "__riscv_sys_*", "__do_sys_*", "__do_compat_sys_*", "__se_sys_*", "__se_compat_sys_*", "SyS_*", "SYSC_*", "compat_SyS_*", "C_SYSC_*", "sys_*", "compat_sys_*"};
constexpr std::string_view kTimerInterrupts[] = {
    "*apic_timer_interrupt*", "el1_irq*",        "el1h_64_irq*", "*irq_svc",     "timer_interrupt*",
    "decrementer_*",          "riscv_intc_irq*", "do_irq",       "ret_from_intr"};

const NameSet& Extra(SkipSet set) {
  static const NameSet kNone{};
  static const NameSet kObject{kObjects};
  static const NameSet kStall{kStallNames};
  static const NameSet kLeak{kLeakNames};
  static const NameSet kSleep{kSleepNames};
  static const NameSet kRcu{kRcuNames};
  static const NameSet kHang{kHangNames};
  static const NameSet kLockdep{kLockdepNames};
  static const NameSet kRust{kRustNames};
  static const NameSet kPage{kPageNames};
  static const NameSet kUsercopy{kUsercopyNames};
  switch (set) {
    case SkipSet::kNone: return kNone;
    case SkipSet::kObjects: return kObject;
    case SkipSet::kStall: return kStall;
    case SkipSet::kLeak: return kLeak;
    case SkipSet::kSleep: return kSleep;
    case SkipSet::kRcu: return kRcu;
    case SkipSet::kLockdep: return kLockdep;
    case SkipSet::kRust: return kRust;
    case SkipSet::kPage: return kPage;
    case SkipSet::kHang: return kHang;
    case SkipSet::kUsercopy: return kUsercopy;
  }
  return kNone;
}

}  // namespace

bool IsFaultInjection(std::string_view function) {
  static const NameSet kSet{kFaultInjection};
  return kSet.Holds(function);
}

bool NeverBlamed(std::string_view function, SkipSet extra) {
  static const NameSet kSet{kPrint,     kFaultEntry, kSanitizer,      kMemory, kAllocator,
                            kLock, kStructure,  kFaultInjection, kEntry};
  return kSet.Holds(function) || Extra(extra).Holds(function);
}

bool IsDispatcher(std::string_view function) {
  static const NameSet kSet{kDispatchers};
  return kSet.Holds(function);
}

bool IsSystemCall(std::string_view function) {
  static const NameSet kSet{kSystemCalls};
  return kSet.Holds(function);
}

bool IsTimerInterrupt(std::string_view function) {
  static const NameSet kSet{kTimerInterrupts};
  return kSet.Holds(function);
}

}  // namespace kiln::crash
