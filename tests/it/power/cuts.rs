//! Every disk that a power cut may leave.
//!
//! The persistence model is the weakest that ALICE knows (Pillai et al., "All File Systems Are Not Created Equal",
//! OSDI 2014), made a little weaker still where that costs nothing:
//!
//! - A change is durable once its file or directory was synced after it, and not before. Syncing a file says nothing of
//!   its name, which is its directory's.
//! - Of the changes that are not durable, any may have reached the disk and any may not, in whatever order: the names
//!   of one directory, files among each other, and the sectors of one write.
//! - A file may have got its new length without the bytes, and reads as zeros there then. A write that was being
//!   made may have ended at any byte.
//! - A rename within a directory is one change: the old name goes and the new one comes together. A sector is old or
//!   new. What was durable stays.
//!
//! Not in the model: bytes of other files that show up in the gaps (ext4 with `data=writeback`), disks that lie about
//! syncs, and sectors that go bad.

use std::collections::BTreeSet;

use super::disk::{Change, Disk, Node};
use super::recording::{Recording, Step};
use crate::chance::Chance;

/// Up to so many changes that may be lost, every subset of them is tried.
const EXHAUSTIVE_CHANGES: usize = 12;

/// How thoroughly cuts are tried where not all of them are.
#[derive(Clone, Copy)]
pub struct Care {
    /// Torn ends of one write; `None` for every byte.
    pub torn_ends: Option<usize>,
    /// Subsets drawn by lot, beside all that lose or keep one or two.
    pub drawn: usize,
}

/// Visits the disks of every moment: the number of the step that was last begun, and the disk.
pub fn every(recording: &Recording, care: Care, dice: &mut Chance, visit: &mut dyn FnMut(usize, &Disk)) {
    let sentinels = sentinels(recording);
    let mut durable = recording.before.clone();
    let mut pending: Vec<Change> = Vec::new();
    for (at, step) in recording.steps.iter().enumerate() {
        match step {
            Step::Changed(changes) => {
                torn(&durable, &pending, changes, care, dice, &mut |disk| visit(at, disk));
                pending.extend(changes.iter().cloned());
                subsets(&durable, &pending, &sentinels, care, dice, &mut |disk| visit(at, disk));
            }
            Step::Synced(node) => {
                for change in pending.extract_if(.., |change| change.subject() == *node) {
                    durable.apply(&change);
                }
            }
            Step::Sent(_) | Step::Printed | Step::Ended(_) => {
                subsets(&durable, &pending, &sentinels, care, dice, &mut |disk| visit(at, disk));
            }
        }
    }
}

/// The files that are there to be locked. What stands in them is for people and decides nothing.
fn sentinels(recording: &Recording) -> BTreeSet<Node> {
    let changes = recording.steps.iter().flat_map(|step| match step {
        Step::Changed(changes) => changes.as_slice(),
        _ => &[],
    });
    let named = changes.filter_map(|change| match change {
        Change::Name { name, node, .. } if name.ends_with(".lock") || name.ends_with(".commit") => *node,
        _ => None,
    });
    let before = ["state/prod.lock", "state/prod.commit"].map(|path| recording.before.at(path));
    named.chain(before.into_iter().flatten()).collect()
}

/// Cuts in the middle of a write, with all that was pending before it or nothing of that.
fn torn(
    durable: &Disk,
    pending: &[Change],
    changes: &[Change],
    care: Care,
    dice: &mut Chance,
    visit: &mut dyn FnMut(&Disk),
) {
    let pieces: Vec<_> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Bytes { node, offset, bytes } => Some((*node, *offset, bytes)),
            _ => None,
        })
        .collect();
    let (Some((node, start, _)), Some((_, offset, bytes))) = (pieces.first(), pieces.last()) else { return };
    let end = offset + bytes.len();
    let grows = changes.iter().any(|change| matches!(change, Change::Length { .. }));
    let with_pending = applied(durable, pending.iter());
    for cut in ends(*start, end, care, dice) {
        for base in [durable, &with_pending] {
            let mut disk = base.clone();
            if grows && disk.length(*node) < cut {
                disk.apply(&Change::Length { node: *node, length: cut });
            }
            for (_, offset, bytes) in pieces.iter().filter(|(_, offset, _)| *offset < cut) {
                let bytes = bytes[..bytes.len().min(cut - offset)].into();
                disk.apply(&Change::Bytes { node: *node, offset: *offset, bytes });
            }
            visit(&disk);
        }
    }
}

fn ends(start: usize, end: usize, care: Care, dice: &mut Chance) -> BTreeSet<usize> {
    match care.torn_ends {
        Some(wanted) if end - start > wanted + 2 => {
            let drawn = (0..wanted).map(|_| start + 1 + dice.below(end - start - 1));
            drawn.chain([start + 1, end - 1]).collect()
        }
        _ => (start + 1..end).collect(),
    }
}

/// Cuts between two steps: what is durable, and some of what is pending.
fn subsets(
    durable: &Disk,
    pending: &[Change],
    sentinels: &BTreeSet<Node>,
    care: Care,
    dice: &mut Chance,
    visit: &mut dyn FnMut(&Disk),
) {
    let of_sentinel = |change: &Change| match change {
        Change::Name { node: Some(node), .. } => sentinels.contains(node),
        change => sentinels.contains(&change.subject()),
    };
    let matters: Vec<_> = (0..pending.len()).filter(|index| !of_sentinel(&pending[*index])).collect();
    if matters.len() <= EXHAUSTIVE_CHANGES {
        for mask in 0..1_usize << matters.len() {
            for keep_sentinels in [false, true] {
                let kept = |index: usize| match matters.iter().position(|other| *other == index) {
                    Some(bit) => mask >> bit & 1 == 1,
                    None => keep_sentinels,
                };
                visit(&some(durable, pending, kept));
            }
        }
        return;
    }
    for first in 0..pending.len() {
        for second in first..pending.len() {
            visit(&some(durable, pending, |index| index != first && index != second));
            visit(&some(durable, pending, |index| index == first || index == second));
        }
    }
    for _ in 0..care.drawn {
        let kept: Vec<_> = pending.iter().map(|_| dice.below(2) == 1).collect();
        visit(&some(durable, pending, |index| kept[index]));
    }
}

fn some(durable: &Disk, pending: &[Change], kept: impl Fn(usize) -> bool) -> Disk {
    applied(durable, pending.iter().enumerate().filter(|(index, _)| kept(*index)).map(|(_, change)| change))
}

fn applied<'c>(durable: &Disk, changes: impl Iterator<Item = &'c Change>) -> Disk {
    let mut disk = durable.clone();
    changes.for_each(|change| disk.apply(change));
    disk
}
