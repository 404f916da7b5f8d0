// The names behind blame.h, by family. "foo*" means all that begin so, "*foo" all that end so, "*foo*" all
// that hold it. Sources: the kernel's own functions of each family, in any version since 3.18.
#include "crash/blame_names.h"

namespace kiln::crash::names {
namespace {

// clang-format off
// Printing, dumping, warning and dying; what panics on behalf of others.
constexpr std::string_view kPrint[] = {
    "arch_stack_walk*", "asan.module_*", "*assertfail", "assfail", "bad_page", "brk_handler", "__bug*",
    "c_backtrace", "call_break_hook", "crash_kexec*", "__crash_kexec", "crc_*", "crc16*", "crc32*",
    "__crc32*", "crc8", "crng_*backtrace", "debug_print_object", "describe_address", "_dev_*", "die",
    "__die*", "die_*", "do_debug_exception", "dump_backtrace*", "dump_page", "__dump_page*",
    "dump_stack*", "__dump_stack", "__dynamic_*", "__ext4_error*", "fixup_bug*", "format_decode",
    "fortify_panic", "__fortify_panic", "__fortify_report", "handle_bug*", "hex_string",
    "ip*_addr_string", "is_bpf_text_address", "*kernel_text_address", "__llvm_retpoline_*",
    "mac_address_string", "nmi_panic", "number", "object_err", "oops_*", "panic", "__panic",
    "panic_saved_regs", "__phys_addr*", "pointer", "print_*", "*printk*", "_printk", "printk_deferred*",
    "_printk_deferred", "put_dec*", "*fs_panic", "report_bug*",
    "rust_begin_unwind", "save_stack*", "__save_stack*", "save_trace", "scnprintf", "__seqprop_assert",
    "set_track*", "show_regs*", "__show_regs", "show_stack*", "skb_over_panic",
    "skb_panic", "skb_push", "skb_put", "__skb_put", "skb_under_panic", "snprintf", "sprintf",
    "stack_depot_save*", "__stack_depot_save*", "stack_trace_*", "string", "string_nocheck", "va_format",
    "vpanic", "vprintk*", "*vprintk*", "vscnprintf", "vsnprintf", "vsprintf", "walk_stackframe",
    "__warn*", "warn_alloc", "warn_slowpath*", "*_warn_trap", "widen_string", "__x86_indirect_thunk_*",
    "__x86_return_thunk"};

// Ways into the fault handlers of every architecture.
constexpr std::string_view kFaultEntry[] = {
    "arm64_notify_die", "asm_exc_*", "async_page_fault", "atomic_notifier_call_chain", "data_access_*",
    "do_DataAbort", "do_PrefetchAbort", "do_alignment_fault", "do_bad_area", "do_double_fault",
    "do_error_trap", "do_general_protection", "do_int3*", "do_invalid_op", "do_kern_addr_fault",
    "__do_kernel_fault", "do_kernel_fault", "do_mem_abort", "___do_page_fault", "do_sea",
    "do_sp_pc_abort", "do_tag_*", "do_translation_fault", "do_trap*", "do_undefinstr",
    "do_user_addr_fault", "double_fault", "el1_*", "el1h_*", "el1t_*", "error_entry", "error_exit",
    "exc_*", "*_exc_*", "fault_*injection*", "general_protection", "handle_exception",
    "handle_page_fault", "hash__do_page_fault", "int3", "invalid_op", "irqentry_*",
    "kernelmode_fixup_or_oops", "mte_check_*", "no_context", "notify_die", "page_fault", "page_fault_oops",
    "pgm_check_*", "program_check_*", "__stack_chk_fail", "trace_page_fault", "vmalloc_fault"};

// Sanitizers and the places where they hook in.
constexpr std::string_view kSanitizer[] = {
    "address_range_is_*", "*asan_*", "asan_*", "check_canary*", "check_kcov_mode*", "check_memory_region*", "check_region*",
    "describe_object", "end_report", "find_report_*", "handle_overflow", "__hwasan_*", "*kasan*",
    "kcov_*", "*kcsan*", "kfence_*", "__kfence_*", "*kmsan*", "memory_is_poisoned*", "__msan_*",
    "qlink_free*", "qlist_free_all", "quarantine_*", "__sanitizer_*", "__tsan_*", "*ubsan*", "__ubsan*",
    "ubsan_*", "val_to_string", "write_comp_data"};

// Memory and string primitives, copies to and from user space.
constexpr std::string_view kMemory[] = {
    "__arch_copy*", "arch_set_bit", "__asm_copy*", "bcmp", "check_heap_object", "__check_heap_object",
    "__check_object_size", "check_stack_object", "clear_bit", "__copy_*", "copy_folio_*",
    "copy_from_iter*", "_copy_from_iter*", "*copy_from_user*", "copy_page_from_iter*",
    "copy_page_to_iter*", "copy_to_iter*", "*copy_to_iter*", "*copy_to_user*", "*copy_user*",
    "*_copy_user*", "copyin*", "copyout*", "csum_partial*", "_find_first*", "find_first_bit*",
    "_find_next*", "find_next_bit*", "__get_user*", "instrument_*", "kstrto*", "Ldiv0*", "memchr*", "memcmp",
    "memcpy*", "__memcpy*", "memmove*", "__memmove*", "memscan", "memset*", "__memset*", "memzero*",
    "__pi_*", "__put_user*", "raw_copy*", "__raw_copy*", "read_word_at_a_time", "rep_movs*", "rep_stos*",
    "set_bit", "sized_str*", "strcasecmp", "strcat", "strchr*", "strcmp", "strcpy", "strcspn", "strlcat",
    "strlcpy", "strlen*", "strncasecmp", "strncat", "strnchr*", "strncmp", "strncpy", "strnlen*",
    "strnstr", "strpbrk", "strrchr", "strscpy*", "strsep", "strspn", "strstr", "test_bit"};

// Allocators of memory and pages.
constexpr std::string_view kAllocator[] = {
    "alloc_debug_processing", "alloc_from_pcs", "__alloc_frozen*", "alloc_frozen*", "alloc_page*",
    "__alloc_pages*", "*alloc_pages*", "__alloc_percpu*", "alloc_slab_page", "allocate_slab",
    "cache_alloc*", "____cache_alloc*", "check_bytes_and_report", "check_object", "check_slab", "cache_free*", "___cache_free", "__cache_free*", "cache_grow*",
    "create_object", "delete_object*", "devm_k*", "discard_slab", "dma_alloc*", "__do_kmalloc*",
    "__do_krealloc*", "do_slab_free", "fallback_alloc", "*folio_alloc*", "folio_alloc*", "__folio_alloc*",
    "free_debug_processing", "free_frozen_page*", "free_large_kmalloc", "__free_one_page", "free_pages*",
    "__free_pages_ok", "free_pcp_*", "free_pcppages*", "__free_slab*", "free_the_page",
    "free_to_partial*", "free_to_pcs", "free_unref_page*", "__get_free_pages", "get_freepointer*",
    "get_page_from_freelist", "get_partial*", "get_zeroed_page*", "kcalloc*", "kfree*", "__kfree",
    "*kmalloc*", "__kmemXdup*", "*kmem_cache_*", "kmem_freepages", "kmemdup*", "__kmemleak*",
    "kmemleak_*", "krealloc*", "__krealloc", "kstrdup*", "kvfree*", "*kvmalloc*", "*kvrealloc*",
    "*kzalloc*", "memcg_alloc*", "memcg_slab_*", "memdup_user*", "mempool_alloc*", "mempool_free*",
    "new_slab*", "pcpu_alloc*", "poison_slab_object", "post_alloc_hook", "prep_new_page",
    "put_cpu_partial", "rmqueue*", "sheaf_*", "slab_*", "__slab_*", "___slab_*", "strdup_user*",
    "strndup_user", "vfree*", "__vfree*", "vma_alloc_*", "vmalloc", "__vmalloc*", "vmalloc_32*",
    "vmalloc_huge*", "vmalloc_node*", "vmalloc_noprof", "vmalloc_user*", "__vmap*", "vmemdup_user",
    "vzalloc*"};

// Locks, and what checks them.
constexpr std::string_view kLock[] = {
    "add_chain_cache*", "add_lock_to_list", "arch_*_spin_*", "assign_lock_key", "bh_uptodate_or_lock",
    "call_rwsem_*", "__cant_*", "check_chain_key", "check_deadlock", "check_flags*", "check_irq_usage",
    "check_lock*", "check_noncircular", "check_path", "check_preemption_disabled", "check_prev*",
    "check_redundant", "check_usage*", "check_wait_context", "csd_lock*", "debug_*lock*",
    "__debug_check_*", "debug_check_no_*", "debug_lockdep_*", "debug_locks_off*",
    "debug_smp_processor_id", "do_raw_*", "down", "__down*", "down_interruptible", "down_killable",
    "*down_read*", "down_timeout", "*down_trylock*", "*down_write*", "find_held_lock", "hlock_class",
    "local_bh_*", "__local_bh_*", "lock_acquire*", "__lock_acquire*", "lock_contended", "lock_downgrade",
    "lock_is_held*", "__lock_is_held", "lock_pin*", "__lock_pin*", "lock_release*", "__lock_release*",
    "lock_set_class", "__lock_set_class", "lock_torture_*", "lock_unpin*", "__lock_unpin*", "lockdep_*",
    "__lockdep_*", "look_up_lock_class", "lookup_chain_cache*", "mark_held*", "mark_lock*", "mark_usage",
    "__might_fault", "might_fault", "__might_resched", "__might_sleep", "___might_sleep", "*mutex_lock*",
    "mutex_optimistic_spin", "mutex_spin_on_owner", "mutex_trylock*", "*mutex_unlock*", "osq_lock*",
    "osq_unlock", "percpu_down*", "__percpu_down*", "percpu_rwsem*", "percpu_up*", "__percpu_up*",
    "preempt_count_*", "preempt_schedule*", "print_usage*", "*pv_kick*", "__pv_queued*", "*pv_wait*",
    "queue_read_*", "queue_write_*", "*queued_read_*", "*queued_spin_*", "*queued_write_*", "_raw_*lock*",
    "*raw_read_*", "*raw_spin_*", "__raw_spin_*", "*raw_write_*", "rcu_lockdep_*", "reacquire_held_locks",
    "read_lock*", "register_lock_class", "*fs_write_lock*", "rspin_bug", "rt_mutex_*",
    "__rt_mutex_*", "rt_read_*", "rt_spin_*", "rt_write_*", "rtlock_*", "rwbase_*", "rwlock_bug",
    "rwsem_*", "__rwsem_*", "seqcount_lockdep*", "__spin_*", "spin_bug", "spin_dump", "spin_lock*",
    "spin_unlock*", "__this_cpu_*", "this_cpu_*", "trace_hardirqs_*", "trace_softirqs_*", "up",
    "up_read*", "up_write*", "valid_state", "validate_chain", "write_lock*", "ww_mutex_*", "__ww_mutex*",
    "zap_*class*"};

// Lists, trees, reference counts, queues of work, timers, the driver core: what happens to objects of others.
constexpr std::string_view kStructure[] = {
    "*READ_ONCE*", "*WRITE_ONCE*", "add_timer*", "add_uevent_var", "arch_atomic*", "atomic_*",
    "__atomic*", "atomic64_*", "bus_add_device", "*call_rcu*", "cancel_delayed_work*", "cancel_work*",
    "__cancel_work*", "check_panic_on_warn", "constant_test_bit", "cpumask_*", "debug_object_*",
    "__debug_object_*", "debug_objects_*", "del_timer*", "detach_*timer*", "device_add*", "device_del",
    "device_initialize", "device_register", "device_release", "device_unregister", "devres_*",
    "do_read_cache_*", "dput", "drain_workqueue", "fast_dput", "find_get_entries", "find_lock_entries",
    "__flush_work*", "flush_work*", "folio_lock*", "folio_unlock",
    "get_device", "get_device_parent*", "hlist_*", "__hlist_del*", "_in*", "inb*", "inl*", "insert_work",
    "insert_wq_barrier", "inw*", "ioread*", "__ioread*", "iowrite*", "iput", "klist_*", "kobject_*",
    "__kobject_*", "kref_*", "__list_add*", "list_add*", "*list_add*_valid*", "__list_del*", "list_del*",
    "*list_del*_valid*", "list_lru*", "__list_lru*", "lock_page*", "lock_timer_base", "logic_in*",
    "logic_out*", "mark_buffer_dirty", "mod_delayed_work*", "mod_timer*", "__mod_timer",
    "_out*", "outb*", "outl*", "outw*", "perf_trace_*", "put_device", "queue_delayed_work*",
    "__queue_delayed_work", "__queue_work", "queue_work_on", "raw_atomic*", "__raw_read*", "__raw_write*",
    "__rb_*", "rb_erase*", "rb_first*", "rb_insert*", "rb_last*", "rb_next*", "rb_prev", "__read_once*",
    "readb", "readl", "readq", "readw", "ref_tracker_*", "refcount_*", "__refcount_*", "rhashtable_*",
    "__rhashtable_*", "__rht_*", "rht_head_hashfn", "rht_key_hashfn", "rht_ptr*", "rollback_registered*",
    "start_flush_work", "timer_delete*", "__timer_delete*", "timerqueue_add",
    "truncate_inode_pages*", "try_to_del_timer*", "unlock_page", "unregister_netdev",
    "unregister_netdevice", "unregister_netdevice_many*", "unregister_netdevice_queue", "usb_submit_urb",
    "variable_test_bit", "*wait_for_common*", "wait_for_common*", "*wait_for_completion*", "*__wake_up*",
    "__wake_up*", "warn_bogus_irq_restore", "__write_once*", "writeb", "writel", "writeq", "writew",
    "xas_*"};

// Fault injection.
constexpr std::string_view kFaultInjection[] = {
    "fail_dump*", "fail_usercopy*", "fault_create_*", "should_fail*", "__should_fail*"};

// System call and kernel entries: never more specific than anything above them.
constexpr std::string_view kEntry[] = {
    "common_startup_64", "do_fast_syscall_32", "__do_fast_syscall_32", "do_int80*", "do_syscall_*",
    "el0_*", "el0t_*", "entry_INT80*", "entry_SYSCALL*", "entry_SYSENTER*", "exit_to_user_mode*",
    "ia32_sys*call", "int_ret_from_sys*", "invoke_syscall*", "__invoke_syscall*", "ret_fast_syscall",
    "ret_from_fork*", "ret_from_syscall*", "secondary_startup_*", "__sys_trace*", "syscall_exit_*",
    "syscall_return_*", "sysenter_*", "sysret_check", "system_call*", "tracesys*", "x64_sys_call",
    "x86_64_start_*"};

constexpr std::string_view kObjects[] = {
    "proc_create*", "__proc_create", "proc_mkdir*", "proc_register",
    "__xlate_proc_name"};

constexpr std::string_view kSleepNames[] = {
    "bit_wait*", "__cond_resched*", "_cond_resched*", "cond_resched", "do_wait_for_common",
    "io_schedule*", "might_alloc", "might_sleep*", "out_of_line_wait_on_bit*", "preempt_schedule*",
    "prepare_alloc_pages*", "__schedule*", "schedule*", "wait_for_*", "__wait_for_*", "__wait_on_bit*"};

constexpr std::string_view kRcuNames[] = {
    "cpu_bit_bitmap", "idr_find", "lookup_nulls*", "radix_tree_deref*", "__radix_tree_lookup*", "rcu_*",
    "__rcu_*", "srcu_*", "task_css_*"};

constexpr std::string_view kLeakNames[] = {
    "alloc_buffer_head", "alloc_empty_file", "*__alloc_file", "*alloc_inode", "__alloc_object",
    "alloc_pages_exact*", "*alloc_skb*", "alloc_super", "alloc_task_struct*", "bpf_map_area_*",
    "bpf_map_kmalloc*", "dup_task_struct", "ida_*", "idr_*", "kasprintf", "__kmalloc_reserve*",
    "kmalloc_reserve", "kmemleak*", "kvasprintf*", "mas_alloc_nodes", "mt_alloc*", "napi_alloc*",
    "radix_tree_*", "sget_userns", "sk_alloc", "sk_prot_alloc", "usb_alloc_urb", "xas_alloc"};

constexpr std::string_view kPageNames[] = {
    "consume_skb", "drain_*", "filemap_alloc_folio*", "__filemap_get_folio*", "filemap_get_folio*",
    "folios_put*", "free_*", "__free_*", "kfree_skb*", "napi_*", "page_frag_free", "page_pool_*",
    "__page_pool*", "pagecache_get_page*", "__pagevec*", "pagevec_*", "put_*", "__put*", "release_pages*",
    "shrink_*", "sk_skb_*", "__skb_*", "skb_free*", "skb_release_*", "tlb_*"};

constexpr std::string_view kLockdepNames[] = {
    "__lock_sock", "lock_sock_fast*", "lock_sock_nested", "process_one_work", "worker_thread"};

constexpr std::string_view kRustNames[] = {
    "_R*", "alloc::*", "core::*", "rust_*", "__rustc::*"};

// The names of functions that wait say so.
constexpr std::string_view kHangNames[] = {
    "cancel_delayed_work*", "__cancel_work*", "cancel_work_sync", "*completion*", "context_switch",
    "*down*", "flush_work", "__flush_work*", "flush_workqueue", "folio_lock*", "__folio_lock*", "kthread",
    "kthread_stop*", "*ldsem*", "*_lock*", "lock_page*", "*lock_slow*", "rcu_barrier*", "_rcu_barrier*",
    "*rwsem*", "*sched*", "__switch_to", "*synchronize*", "tty_ldisc_lock*", "usb_bulk_msg",
    "usb_control_msg*", "usb_internal_control_msg", "usb_kill_urb", "usb_start_wait_urb", "*wait*"};

constexpr std::string_view kStallNames[] = {
    "*apic_timer_interrupt*", "arch_trigger_*", "asm_call_*", "asm_sysvec_*", "call_console_*",
    "check_cpu_stall*", "clear_page*", "common_interrupt*", "console_*", "__const_udelay", "cpu_relax*",
    "delay_*", "__delay", "do_IRQ", "down_trylock", "dump_cpu_task*", "end_repeat_nmi", "_extract_*",
    "finish_lock_switch", "finish_task_switch", "get_random_*", "handle_irq*", "io_serial_*", "irq_exit*",
    "ktime_get*", "kvm_clock_*", "mem_serial_*", "native_*", "__ndelay", "nmi_*", "nmi", "perf_trace_*",
    "prandom_*", "preempt_schedule*", "print_cpu_stall*", "print_other_cpu_stall", "pvclock_*", "rcu_*",
    "__rcu_*", "read_hpet*", "restore_*", "ret_from_intr*", "retint_*", "run_timer_softirq",
    "sched_show_task*", "schedule*", "__schedule*", "serial8250_*", "sysvec_*", "tick_*", "timekeeping_*",
    "trace_event_*", "uart_console_*", "__udelay", "univ8250_*", "update_process_times"};

constexpr std::string_view kUsercopyNames[] = {
    "check_*", "__check_*", "copy_overflow", "*copy_overflow*", "import_iovec*", "_inline_copy*",
    "strncpy_from*", "*usercopy*"};

// Who calls through a pointer: timers, soft interrupts, work, network receive, netlink, sockets, files.
constexpr std::string_view kDispatchers[] = {
    "*SYSC_ioctl", "*SyS_ioctl", "call_mmap", "call_read_iter", "call_timer_fn", "call_write_iter",
    "*_compat_ioctl", "compat_ptr_ioctl", "compat_sys_ioctl", "cpu_startup_entry", "crypto_user_rcv_msg",
    "deliver_skb", "do_dentry_open", "do_iter_*", "do_loop_readv_writev*", "__do_softirq", "do_softirq*",
    "do_vfs_ioctl", "expire_timers", "__fput", "____fput", "generic_handle_irq*", "handle_*_irq",
    "handle_irq_event*", "__handle_irq_event*", "handle_softirqs", "__hrtimer_run_queues",
    "hrtimer_run_softirq", "io_issue_sqe", "irq_work_*", "ksys_ioctl", "kthread", "mmap_region",
    "__mmap_region", "__napi_poll*", "napi_poll*", "net_rx_action", "__netif_receive_skb*",
    "netif_receive_skb*", "netlink_dump*", "__netlink_dump_start", "new_sync_read", "new_sync_write",
    "nfnetlink_rcv*", "proc_reg_*", "process_backlog", "process_one_work", "rcu_core", "rcu_do_batch",
    "rtnetlink_rcv_msg", "__run_hrtimer*", "run_ksoftirqd", "__run_timer*", "smpboot_thread_fn",
    "sock_diag_rcv*", "sock_do_ioctl*", "sock_read_iter", "sock_sendmsg*", "__sock_sendmsg",
    "sock_write_iter", "*sys_ioctl", "task_work_run", "tasklet_action*", "__usb_hcd_giveback_urb",
    "usb_hcd_giveback_urb", "vfs_ioctl", "vfs_iter_*", "vfs_open", "vfs_read", "__vfs_read", "vfs_readv",
    "vfs_write", "__vfs_write", "vfs_writev", "worker_thread", "xfrm_user_rcv_msg"};

// Entries of system calls.
constexpr std::string_view kSystemCalls[] = {
    "C_SYSC_*", "SYSC_*", "SyS_*", "__arm64_compat_sys_*", "__arm64_sys_*", "compat_SyS_*",
    "compat_sys_*", "__do_compat_sys_*", "__do_sys_*", "__ia32_compat_sys_*", "__ia32_sys_*",
    "__riscv_sys_*", "__s390*_sys_*", "__se_compat_sys_*", "__se_sys_*", "sys_*", "__x64_compat_sys_*",
    "__x64_sys_*"};

// Entries of the timer interrupt.
constexpr std::string_view kTimerInterrupts[] = {
    "*apic_timer_interrupt*", "decrementer_*", "do_irq", "el1_irq*", "el1h_64_irq*", "*irq_svc",
    "ret_from_intr", "riscv_intc_irq*", "timer_interrupt*"};
// clang-format on

}  // namespace

Names Print() { return kPrint; }
Names FaultEntry() { return kFaultEntry; }
Names Sanitizer() { return kSanitizer; }
Names Memory() { return kMemory; }
Names Allocator() { return kAllocator; }
Names Lock() { return kLock; }
Names Structure() { return kStructure; }
Names FaultInjection() { return kFaultInjection; }
Names Entry() { return kEntry; }
Names Objects() { return kObjects; }
Names Sleep() { return kSleepNames; }
Names Rcu() { return kRcuNames; }
Names Leak() { return kLeakNames; }
Names Page() { return kPageNames; }
Names Lockdep() { return kLockdepNames; }
Names Rust() { return kRustNames; }
Names Hang() { return kHangNames; }
Names Stall() { return kStallNames; }
Names Usercopy() { return kUsercopyNames; }
Names Dispatchers() { return kDispatchers; }
Names SystemCalls() { return kSystemCalls; }
Names TimerInterrupts() { return kTimerInterrupts; }

}  // namespace kiln::crash::names
