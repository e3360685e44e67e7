-- Their spelling was not kept; they are compared as they are.
select 1;
