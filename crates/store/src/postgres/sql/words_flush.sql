-- Brings new words into the index, unless another process is at it.
SELECT CASE WHEN pg_try_advisory_xact_lock(4920851300917215) THEN gin_clean_pending_list('links_by_words') END
