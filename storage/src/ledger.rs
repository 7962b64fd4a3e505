//! The ledger: how many deliveries were made, and what became of them.

use loghorn_domain::EndpointNo;

/// The counts of one endpoint's ledger. `matched` = delivered + waiting + dead + expired + cancelled, always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Deliveries ever made.
    pub matched: u64,
    /// Ended with a 2xx.
    pub delivered: u64,
    /// Of those, told of in a digest.
    pub digested: u64,
    /// In the queue, now.
    pub waiting: u64,
    /// Of those waiting, the ones whose last attempt failed.
    pub retrying: u64,
    /// Dead letters, now.
    pub dead: u64,
    /// Dead letters that retention removed.
    pub expired: u64,
    /// Cancelled.
    pub cancelled: u64,
    /// Events ever matched in shadow: no deliveries, so no part of the sum.
    pub shadowed: u64,
}

/// One line of the ledger: what the counters say and what is really there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerLine {
    /// Whose.
    pub endpoint: EndpointNo,
    /// From the counters.
    pub counters: Counters,
    /// Entries counted in the queue.
    pub waiting_counted: u64,
    /// Of those, the ones that wait for another try.
    pub retrying_counted: u64,
    /// Dead letters counted.
    pub dead_counted: u64,
}

impl LedgerLine {
    /// How far the ledger is from balancing: 0 means it balances.
    pub fn imbalance(&self) -> u64 {
        let c = &self.counters;
        let sum = c.delivered + c.waiting + c.dead + c.expired + c.cancelled;
        c.matched.abs_diff(sum)
            + c.waiting.abs_diff(self.waiting_counted)
            + c.retrying.abs_diff(self.retrying_counted)
            + c.dead.abs_diff(self.dead_counted)
    }
}
