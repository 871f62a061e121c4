//! For tests with a store of rollups that does some things
//! in its own way: it passes the others on to a real one.

/// The named methods of `Rollups`, passed on to the store in a field.
macro_rules! pass_on {
    ($field:tt:) => {};
    ($field:tt: positions $($others:ident)*) => {
        fn positions(&self) -> curtail_store::StoreFuture<'_, curtail_store::rollups::Positions> {
            self.$field.positions()
        }
        pass_on! { $field: $($others)* }
    };
    ($field:tt: positions_of $($others:ident)*) => {
        fn positions_of(
            &self,
            streams: Vec<u64>,
        ) -> curtail_store::StoreFuture<'_, curtail_store::rollups::Positions> {
            self.$field.positions_of(streams)
        }
        pass_on! { $field: $($others)* }
    };
    ($field:tt: claim $($others:ident)*) => {
        fn claim(
            &self,
            streams: Vec<u64>,
        ) -> curtail_store::StoreFuture<'_, Vec<curtail_store::rollups::Claimed>> {
            self.$field.claim(streams)
        }
        pass_on! { $field: $($others)* }
    };
    ($field:tt: commit $($others:ident)*) => {
        fn commit(
            &self,
            batch: curtail_store::rollups::Batch,
        ) -> curtail_store::StoreFuture<'_, curtail_store::rollups::Committed> {
            self.$field.commit(batch)
        }
        pass_on! { $field: $($others)* }
    };
    ($field:tt: series $($others:ident)*) => {
        fn series(
            &self,
            subject: curtail_store::rollups::Subject,
            grain: curtail_store::rollups::Grain,
            from: curtail_model::Timestamp,
            until: curtail_model::Timestamp,
        ) -> curtail_store::StoreFuture<'_, Vec<(curtail_model::Timestamp, Vec<u8>)>> {
            self.$field.series(subject, grain, from, until)
        }
        pass_on! { $field: $($others)* }
    };
    ($field:tt: totals $($others:ident)*) => {
        fn totals(
            &self,
            links: Vec<curtail_model::LinkId>,
        ) -> curtail_store::StoreFuture<'_, Vec<curtail_store::rollups::Totals>> {
            self.$field.totals(links)
        }
        pass_on! { $field: $($others)* }
    };
    ($field:tt: forget_before $($others:ident)*) => {
        fn forget_before(
            &self,
            grain: curtail_store::rollups::Grain,
            before: curtail_model::Timestamp,
        ) -> curtail_store::StoreFuture<'_, u64> {
            self.$field.forget_before(grain, before)
        }
        pass_on! { $field: $($others)* }
    };
    ($field:tt: forget_link $($others:ident)*) => {
        fn forget_link(&self, link: curtail_model::LinkId) -> curtail_store::StoreFuture<'_, ()> {
            self.$field.forget_link(link)
        }
        pass_on! { $field: $($others)* }
    };
}
