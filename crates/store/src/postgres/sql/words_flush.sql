-- Brings new words into the index, unless another process is at it. Only an owner may; for others autovacuum does it.
SELECT CASE
    WHEN (SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('links_by_words')) THEN
        CASE WHEN pg_try_advisory_xact_lock(4920851300917215) THEN gin_clean_pending_list('links_by_words') END
END
